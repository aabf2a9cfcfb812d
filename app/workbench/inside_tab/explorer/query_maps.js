// Small maps of all queries, made once for a stack and then only updated.

import { make, markChosen } from "./elements.js";
import { percent, placeOf } from "./formats.js";
import { argmax } from "./numbers.js";
import { paintMap } from "./raster.js";

/** One button with a small map for each query. */
export function createMaps(group, stack, pick, set) {
  const cells = [...Array(stack.queries).keys()].map((query) => {
    const canvas = make("canvas", { "aria-hidden": "true" });
    canvas.style.aspectRatio = `${stack.image.width} / ${stack.image.height}`;
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

  function draw(view, derived) {
    for (const { query, button, canvas, facts, mark } of cells) {
      const high = view.scale === "own" ? derived.top(derived.maps[query]) : derived.high;
      const options = { smooth: !view.raw, high, pixels: 64 };
      paintMap(canvas, derived.maps[query], stack.rows, stack.cols, options);
      canvas.classList.toggle("raw", view.raw);
      button.classList.toggle("flat", derived.flat[query] || derived.even[query]);
      mark.textContent = markOf(derived, query);
      facts.replaceChildren(...factsOf(derived, query).map((fact) => make("span", {}, fact)));
      const peak = peakOf(derived.maps[query], stack);
      const words = [`Query ${query}`, markOf(derived, query), peak, ...factsOf(derived, query)];
      button.setAttribute("aria-label", words.filter(Boolean).join(", "));
    }
    const order = derived.order.map((query) => cells[query].button);
    if (order.some((button, at) => group.children[at] !== button)) group.append(...order);
    point(derived);
  }

  /** What changes while the pointer moves. */
  function point(derived) {
    markChosen(
      cells.map((cell) => cell.button),
      (button) => Number(button.dataset.query) === derived.shownQuery,
    );
    const most = derived.queryShares ? Math.max(...derived.queryShares) : 0;
    for (const { query, button } of cells) {
      button.style.setProperty("--query-share", most > 0 ? derived.queryShares[query] / most : 0);
    }
  }

  return { draw, point };
}

function markOf(derived, query) {
  if (derived.flat[query]) return "flat";
  if (derived.even[query]) return "nearly even";
  return query === derived.winner ? "closest" : "";
}

function peakOf(map, stack) {
  return `strongest ${placeOf(argmax(map), stack.rows, stack.cols)}`;
}

/** The numbers under a small map. */
function factsOf(derived, query) {
  const facts = [`${derived.bits[query].toFixed(1)} bits`];
  if (derived.classShares[query] !== null)
    facts.unshift(`${percent(derived.classShares[query])} class`);
  if (derived.cosines) facts.push(`cos ${derived.cosines[query].toFixed(2)}`);
  if (derived.maps.length > 1) facts.push(`like ${derived.mostSimilar[query]}`);
  return facts;
}
