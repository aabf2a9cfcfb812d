// The views around the picture. Each is made once for a stack and then only updated.
// Text of the visitor or the model enters the page by textContent alone.

/** An element with attributes and children; strings become text, never markup. */
function make(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** Marks one of a group's buttons as chosen; it is the one that Tab reaches. */
function choose(buttons, isChosen) {
  const within = buttons.includes(document.activeElement);
  const marked = buttons.filter((button) => isChosen(button));
  for (const button of buttons) {
    const pressed = marked.includes(button);
    button.setAttribute("aria-pressed", String(pressed));
    button.tabIndex = pressed || (!marked.length && button === buttons[0]) ? 0 : -1;
  }
  if (within && marked.length) marked[0].focus();
}

/** Small maps of all queries. */
function createMaps(group, stack, pick, set) {
  const cells = [...Array(stack.queries).keys()].map((query) => {
    const canvas = make("canvas", { "aria-hidden": "true" });
    canvas.style.aspectRatio = stack.picture.width + " / " + stack.picture.height;
    const facts = make("span", { class: "facts" });
    const mark = make("span", { class: "mark" });
    const button = make(
      "button",
      {
        type: "button",
        class: "query",
        "data-query": query,
        onclick: () => pick(query),
        onpointerenter: () => set({ hovered: query }),
        onpointerleave: () => set({ hovered: null }),
      },
      canvas,
      make("span", { class: "name" }, make("b", {}, String(query)), mark),
      facts,
    );
    return { query, button, canvas, facts, mark };
  });
  group.replaceChildren(...cells.map((cell) => cell.button));

  function draw(view, look) {
    for (const { query, button, canvas, facts, mark } of cells) {
      const high = view.scale === "own" ? look.top(look.maps[query]) : look.high;
      const how = { smooth: !view.raw, high, pixels: 64 };
      paintMap(canvas, look.maps[query], stack.rows, stack.cols, how);
      canvas.classList.toggle("raw", view.raw);
      button.classList.toggle("flat", look.flat[query] || look.even[query]);
      mark.textContent = markOf(look, query);
      facts.replaceChildren(...factsOf(look, query).map((fact) => make("span", {}, fact)));
      const peak = peakOf(look.maps[query], stack);
      const words = ["Query " + query, markOf(look, query), peak, ...factsOf(look, query)];
      button.setAttribute("aria-label", words.filter(Boolean).join(", "));
    }
    const order = look.order.map((query) => cells[query].button);
    if (order.some((button, at) => group.children[at] !== button)) group.append(...order);
    point(view, look);
  }

  /** What changes while the pointer moves. */
  function point(view, look) {
    choose(cells.map((cell) => cell.button), (button) => Number(button.dataset.query) === view.query);
    const most = look.lookers ? Math.max(...look.lookers) : 0;
    for (const { query, button } of cells) {
      button.style.setProperty("--looks", most > 0 ? look.lookers[query] / most : 0);
    }
  }

  return { draw, point };
}

function markOf(look, query) {
  if (look.flat[query]) return "flat";
  if (look.even[query]) return "nearly even";
  return query === look.winner ? "best match" : "";
}

function peakOf(map, stack) {
  return "strongest " + placeOf(indexOfMax(map), stack.rows, stack.cols);
}

/** The numbers under a small map. */
function factsOf(look, query) {
  const facts = [look.bits[query].toFixed(1) + " bits"];
  if (look.classShares[query] !== null) facts.unshift(percent(look.classShares[query]) + " class");
  if (look.cosines) facts.push("cos " + look.cosines[query].toFixed(2));
  if (look.maps.length > 1) facts.push("like " + look.twins[query]);
  return facts;
}

/** One bar for each query: its cosine with the text. */
function createBars(group, stack, pick) {
  const bars = [...Array(stack.queries).keys()].map((query) =>
    make(
      "button",
      { type: "button", class: "bar", "data-query": query, onclick: () => pick(query) },
      make("span", { class: "column" }, make("i", {})),
      make("span", { class: "name" }, String(query)),
    ),
  );
  group.replaceChildren(...bars);
  return {
    draw(view, look) {
      if (!look.cosines) return;
      const low = Math.min(0, ...look.cosines);
      const high = Math.max(0.01, ...look.cosines);
      bars.forEach((bar, query) => {
        const cosine = look.cosines[query];
        const level = (value) => (value - low) / (high - low);
        const [from, to] = [level(Math.min(0, cosine)), level(Math.max(0, cosine))];
        const fill = bar.querySelector("i");
        fill.style.bottom = from * 100 + "%";
        fill.style.height = Math.max(1, (to - from) * 100) + "%";
        bar.classList.toggle("winner", query === look.winner);
        bar.classList.toggle("second", query === look.second);
        const place = query === look.winner ? ", the best" : query === look.second ? ", the second" : "";
        bar.setAttribute("aria-label", "Query " + query + ": cosine " + cosine.toFixed(3) + place);
        bar.title = bar.getAttribute("aria-label");
      });
      choose(bars, (bar) => Number(bar.dataset.query) === view.query);
    },
  };
}

/** Layers x heads, the mean of each row and column at its end: press one to look through it. */
function createMatrix(group, stack, set) {
  const heads = [...Array(stack.heads).keys(), MEAN];
  const layers = [...stack.layers.keys(), MEAN];
  const named = (index, name) => (index === MEAN ? "mean" : String(name));
  const cells = [];
  const rows = layers.map((layer) => {
    const row = heads.map((head) => {
      const cell = make("button", {
        type: "button",
        "data-layer": layer,
        "data-head": head,
        onclick: () => set({ layer, head, signal: "attention", token: null }),
      });
      cells.push({ cell, layer, head });
      return cell;
    });
    const name = make("span", { class: "row-name" }, named(layer, stack.layers[layer]));
    return [name, ...row];
  });
  const top = [make("span", {}), ...heads.map((head) => make("span", {}, named(head, head)))];
  group.style.setProperty("--columns", heads.length);
  group.replaceChildren(...top, ...rows.flat());
  return {
    draw(view, look) {
      const values = cells.map(({ layer, head }) => look.measureOf(layer, head));
      const high = Math.max(...values, 1e-9);
      cells.forEach(({ cell, layer, head }, at) => {
        const value = values[at];
        cell.style.background = colourOf(value / high);
        cell.style.color = value / high > 0.55 ? "#0b1220" : "#ffffff";
        const depth = describeDepth(stack, { layer, head });
        cell.setAttribute("aria-label", depth + ": " + percent(value));
        cell.title = cell.getAttribute("aria-label");
      });
      choose(
        cells.map(({ cell }) => cell),
        (cell) => Number(cell.dataset.layer) === view.layer && Number(cell.dataset.head) === view.head,
      );
    },
  };
}

/** The words of each text as buttons, by position: the same word twice is two buttons. */
function createWords(group, stack, set) {
  const rows = stack.texts.map((text, which) => {
    const buttons = [MEAN, ...text.tokens.keys()].map((token) =>
      make(
        "button",
        {
          type: "button",
          class: token === MEAN ? "word all" : "word",
          "data-token": token,
          "data-text": which,
          onclick: () => set({ text: which, token }),
        },
        token === MEAN ? "all words" : text.tokens[token],
      ),
    );
    const row = make("div", { class: "tokens", role: "group", "aria-label": text.title }, ...buttons);
    return { text, which, buttons, row, share: make("span", { class: "share" }) };
  });
  group.replaceChildren(
    ...rows.map(({ text, row, share }) =>
      make(
        "div",
        { class: "text" },
        make("div", { class: "text-title" }, make("h3", {}, text.title), share),
        row,
      ),
    ),
  );
  return {
    draw(view) {
      const query = view.hovered ?? (view.token === null ? view.query : null);
      for (const row of rows) drawHeard(row, view, query);
    },
  };
}

/** Underlines each word by how much of it a query heard, where one is chosen or pointed at. */
function drawHeard({ text, which, buttons, share }, view, query) {
  const shares = query === null || !text.shares ? [] : text.shares.map((heard) => heard[query]);
  const most = Math.max(0, ...shares);
  for (const button of buttons) {
    const part = most > 0 ? (shares[Number(button.dataset.token)] ?? 0) / most : 0;
    button.style.setProperty("--share", part);
  }
  share.textContent = most > 0
    ? "underlined: how much of each word query " + query + " heard"
    : text.note || "press a word to see its part of the picture";
  const here = view.token !== null && view.text === which;
  choose(buttons, (button) => here && Number(button.dataset.token) === view.token);
}

/** Queries x queries: how much the row listens to the column. */
function createPairs(canvas, row, said, stack, pick) {
  const { queries } = stack;
  let order = [];
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    const cell = (place, size) => order[cellAt(place, size, queries)];
    return [cell(event.clientY - box.top, box.height), cell(event.clientX - box.left, box.width)];
  };
  canvas.onpointermove = (event) => {
    const [from, to] = at(event);
    const share = percent(stack.pairs[from][to]);
    said.textContent = from === to
      ? "Query " + from + " keeps " + share + " for itself."
      : "Query " + from + " gives " + share + " of its attention to query " + to + ".";
  };
  canvas.onpointerleave = () => (said.textContent = "");
  canvas.onclick = (event) => pick(at(event)[0]);
  return {
    draw(view, look) {
      ({ order } = look);
      const flat = Float32Array.from(order.flatMap((from) => order.map((to) => stack.pairs[from][to])));
      paintMap(canvas, flat, queries, queries, { smooth: false, high: Math.max(...flat) });
      canvas.setAttribute("aria-label", describeListening(stack, view.query));
      row.style.setProperty("--row", order.indexOf(view.query) / queries);
      row.style.setProperty("--height", 1 / queries);
    },
  };
}
