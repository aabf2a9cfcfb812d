// The explorer: one state, the panels that draw it, and the keys that change it.
// Nothing here asks the server for anything; `trigger` tells it of the three buttons that do.

const MEASURES = {
  focus: "How sharply query {q} looks in each layer and head: 0% is an even gaze, 100% one patch.",
  class: "How much of query {q}'s attention goes to the class token, which is no place in the picture.",
  peak: "The largest share of query {q}'s attention on one patch.",
};

function createExplorer(element, trigger) {
  const part = (name) => element.querySelector('[data-part="' + name + '"]');
  const view = {
    signal: "attention", layer: MEAN, head: MEAN, query: 0, text: 0, token: null,
    scale: "shared", sort: "index", measure: "focus", raw: false, grey: true, opacity: 0.85,
    patch: null, hovered: null, masking: false, masked: new Set(),
  };
  let [stack, panels, look, waiting] = [null, null, null, false];
  const stage = createStage(part("picture"), {
    patch: (patch) => set({ patch }),
    paint: (patch, masks) => {
      view.masked[masks ? "add" : "delete"](patch);
      set({});
    },
  });

  function set(changes) {
    Object.assign(view, changes);
    if (waiting || !stack) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      draw();
    });
  }

  /** A query, in the signal on screen where that has a map for each. */
  function pick(query) {
    const ofQueries = ["attention", "rollout"].includes(view.signal);
    set({ query, token: null, signal: ofQueries ? view.signal : "attention" });
  }

  function show(payload) {
    part("empty").hidden = Boolean(payload);
    part("body").hidden = !payload;
    if (!payload) return (stack = null);
    part("npz").disabled = part("json").disabled = Boolean(payload.example);
    const before = stack;
    stack = readStack(payload);
    const start = { patch: null, hovered: null, masked: new Set(), token: null };
    if (!before || !fits(before, stack)) Object.assign(start, firstView(stack));
    Object.assign(view, start);
    fill();
    stage.setStack(stack, () => set({}));
    set({});
  }

  function fill() {
    const { picture } = stack;
    part("stage").style.setProperty("--aspect", picture.width / picture.height);
    part("note").hidden = !stack.note;
    part("note").textContent = stack.note ?? "";
    part("ramp").style.background = colourRamp();
    part("measure").querySelector('[value="class"]').disabled = !stack.class_share;
    fillSelect(part("layer"), [...stack.layers.keys()], (at) => String(stack.layers[at]));
    fillSelect(part("head"), [...Array(stack.heads).keys()], String);
    part("sort").querySelector('[value="cosine"]').disabled = !stack.cosines;
    part("match").hidden = !stack.cosines;
    part("signal").replaceChildren(
      ...stack.signals.map(({ id, label }) =>
        make("button", { type: "button", "data-signal": id, onclick: () => set({ signal: id, token: null }) }, label),
      ),
    );
    panels = {
      maps: createMaps(part("maps"), stack, pick, set),
      bars: createBars(part("bars"), stack, pick),
      matrix: createMatrix(part("matrix"), stack, set),
      words: createWords(part("texts"), stack, set),
      pairs: createPairs(part("pairs"), part("row"), part("pair"), stack, pick),
    };
    drawn = "";
  }

  let drawn = "";

  function draw() {
    look = lookAt(stack, view);
    const key = JSON.stringify([view.signal, view.layer, view.head, view.scale, view.sort, view.raw]);
    if (key !== drawn) panels.maps.draw(view, look);
    else panels.maps.point(view, look);
    drawn = key;
    stage.draw(view, look.map, look.shownHigh);
    panels.bars.draw(view, look);
    panels.matrix.draw(view, look);
    panels.words.draw(view);
    panels.pairs.draw(view);
    say();
    drawControls();
  }

  function say() {
    const { rows, cols } = stack;
    const words = describe(stack, view, look);
    setText("title", words.title);
    setText("said", words.said);
    part("picture").setAttribute("aria-label", words.title + ". " + words.said);
    setText("method", words.method);
    part("ticks").replaceChildren(...words.ticks.map((tick) => make("span", {}, tick)));
    setText("unit", words.unit);
    setText("legend", words.legend);
    setText("patch", view.patch === null ? "Point at the picture: which queries look there?" : describePatch(view.patch, look, rows, cols));
    setText("match-said", describeMatch(look));
    setText("matrix-said", MEASURES[view.measure].replace("{q}", view.query) + " Press a cell to look through it.");
    setText("listening-said", describeListening(stack, view.query));
    setText("mask-said", describeMask(view.masked.size, stack.example));
  }

  /** Only where it differs, so that a screen reader is not told the same again. */
  function setText(name, text) {
    const target = part(name);
    if (target.textContent !== text) target.textContent = text;
  }

  function drawControls() {
    const value = (name, text) => (part(name).value = String(text));
    for (const name of ["layer", "head", "sort", "scale", "measure"]) value(name, view[name]);
    value("opacity", Math.round(view.opacity * 100));
    part("raw").checked = view.raw;
    part("grey").checked = view.grey;
    part("depth").hidden = Boolean(look.single);
    choose([...part("signal").children], (button) => view.token === null && button.dataset.signal === look.signal.id);
    part("test").disabled = Boolean(stack.example) || look.text?.id === "answer";
    part("masking").setAttribute("aria-pressed", String(view.masking));
    part("masked").hidden = !view.masking;
    part("picture").classList.toggle("maskable", view.masking);
    part("ask-again").disabled = view.masked.size === 0 || Boolean(stack.example);
    part("unmask").disabled = view.masked.size === 0;
  }

  /** Which map is on screen, for the server. */
  function shown() {
    const { signal, layer, head, query } = view;
    const token = view.token === null ? null : { text: stack.texts[view.text].id, token: view.token };
    return { signal, layer, head, query, ...token };
  }

  function save() {
    const words = describe(stack, view, look);
    saveFigure(stage, stack, view, {
      map: look.map,
      high: look.shownHigh,
      ticks: words.ticks,
      unit: words.unit,
      lines: [words.title, words.said, "Attention shows where the model looked, not why it answered."],
      name: words.name,
    });
  }

  function maskPeak() {
    const order = [...look.map.keys()].sort((a, b) => look.map[b] - look.map[a]);
    const count = Math.max(1, Math.round(stack.patches * 0.1));
    set({ masked: new Set([...view.masked, ...order.slice(0, count)]) });
  }

  const step = (at, by, count) => (at + by + count) % count;

  /** Moves through what a key means at the place where it was pressed. */
  function move(key, target) {
    const across = { ArrowLeft: -1, ArrowRight: 1 }[key] ?? 0;
    const down = { ArrowUp: -1, ArrowDown: 1 }[key] ?? 0;
    if (target.closest(".tokens") && across) {
      const text = Number(target.dataset.text);
      const count = stack.texts[text].tokens.length + 1;
      const token = view.token === null || view.text !== text ? -1 : view.token;
      set({ text, token: step(token + 1, across, count) - 1 });
    } else if (target.closest('[data-part="matrix"]') && across) {
      set({ head: nextOf(view.head, across, stack.heads), signal: "attention", token: null });
    } else if (across) {
      const at = look.order.indexOf(view.query);
      pick(look.order[step(at, across, stack.queries)]);
    } else {
      set({ layer: nextOf(view.layer, down, stack.layers.length), signal: "attention", token: null });
    }
  }

  /** Through the indices and the mean, round and round. */
  function nextOf(index, by, count) {
    const next = step(index === MEAN ? count : index, by, count + 1);
    return next === count ? MEAN : next;
  }

  function movePatch(key) {
    const [row, col] = view.patch === null ? [0, 0] : [Math.floor(view.patch / stack.cols), view.patch % stack.cols];
    const across = { ArrowLeft: -1, ArrowRight: 1 }[key] ?? 0;
    const down = { ArrowUp: -1, ArrowDown: 1 }[key] ?? 0;
    const start = view.patch === null;
    set({
      patch: start ? 0 : step(row, down, stack.rows) * stack.cols + step(col, across, stack.cols),
    });
  }

  const letters = {
    h: () => set({ head: view.head === MEAN ? 0 : MEAN, signal: "attention", token: null }),
    p: () => set({ raw: !view.raw }),
    s: () => save(),
  };

  part("root").addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, select, textarea");
    if (!stack || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const onPicture = event.target === part("picture");
    if (event.key.startsWith("Arrow")) {
      if (onPicture && event.shiftKey) movePatch(event.key);
      else move(event.key, event.target);
    } else if (onPicture && view.masking && view.patch !== null && [" ", "Enter"].includes(event.key)) {
      view.masked[view.masked.has(view.patch) ? "delete" : "add"](view.patch);
      set({});
    } else if (!event.shiftKey && letters[event.key.toLowerCase()]) {
      letters[event.key.toLowerCase()]();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  });

  for (const name of ["layer", "head"]) {
    part(name).addEventListener("change", (event) => set({ [name]: Number(event.target.value) }));
  }
  for (const name of ["sort", "scale", "measure"]) {
    part(name).addEventListener("change", (event) => set({ [name]: event.target.value }));
  }
  part("opacity").addEventListener("input", (event) => set({ opacity: event.target.value / 100 }));
  part("raw").addEventListener("change", (event) => set({ raw: event.target.checked }));
  part("grey").addEventListener("change", (event) => set({ grey: event.target.checked }));
  part("save").addEventListener("click", save);
  part("test").addEventListener("click", () => trigger("test", shown()));
  part("masking").addEventListener("click", () =>
    set(view.masking ? { masking: false, masked: new Set() } : { masking: true }),
  );
  part("mask-peak").addEventListener("click", maskPeak);
  part("unmask").addEventListener("click", () => set({ masked: new Set() }));
  part("ask-again").addEventListener("click", () =>
    trigger("mask", { patches: [...view.masked].sort((a, b) => a - b) }),
  );
  for (const kind of ["npz", "json"]) {
    part(kind).addEventListener("click", () => trigger("export", { kind }));
  }
  new ResizeObserver(() => set({})).observe(part("stage"));

  const tell = (finding) => drawFinding(part, finding, () => trigger("halt"));

  return { show, tell };
}

/** Whether what was chosen in one stack can be chosen in another. */
function fits(before, after) {
  const shape = ({ layers, heads, queries, rows, cols }) => JSON.stringify([layers, heads, queries, rows, cols]);
  return shape(before) === shape(after);
}

/** Where a visitor starts: the map that the stack names, else the query that found the text. */
function firstView(stack) {
  const start = { signal: "attention", layer: MEAN, head: MEAN, query: stack.winner?.query ?? 0, text: 0 };
  const kind = stack.maps[stack.default_map]?.kind;
  if (kind === "text" && stack.texts.length) return { ...start, token: MEAN };
  if (stack.signals.some(({ id }) => id === kind)) return { ...start, signal: kind };
  return start;
}

function fillSelect(select, indices, name) {
  select.replaceChildren(
    make("option", { value: MEAN }, "mean"),
    ...indices.map((index) => make("option", { value: index }, name(index))),
  );
}
