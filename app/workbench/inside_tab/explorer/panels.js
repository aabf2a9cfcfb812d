// The bars of the cosines and the matrix of layers and heads, made once for a stack and then only
// updated.

import { colourOf } from "./colours.js";
import { make, markChosen } from "./elements.js";
import { percent } from "./formats.js";
import { MEAN } from "./numbers.js";
import { describeDepth } from "./sentences.js";

/** One bar for each query: its cosine with the text. */
export function createBars(group, stack, pick) {
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
    draw(derived) {
      if (!derived.cosines) return;
      const low = Math.min(0, ...derived.cosines);
      const high = Math.max(0.01, ...derived.cosines);
      bars.forEach((bar, query) => {
        const cosine = derived.cosines[query];
        const level = (value) => (value - low) / (high - low);
        const [from, to] = [level(Math.min(0, cosine)), level(Math.max(0, cosine))];
        const fill = bar.querySelector("i");
        fill.style.bottom = `${from * 100}%`;
        fill.style.height = `${Math.max(1, (to - from) * 100)}%`;
        bar.classList.toggle("winner", query === derived.winner);
        bar.classList.toggle("second", query === derived.second);
        const place =
          query === derived.winner
            ? ", the closest"
            : query === derived.second
              ? ", the second"
              : "";
        bar.setAttribute("aria-label", `Query ${query}: cosine ${cosine.toFixed(3)}${place}`);
        bar.title = bar.getAttribute("aria-label");
      });
      markChosen(bars, (bar) => Number(bar.dataset.query) === derived.shownQuery);
    },
  };
}

/** Layers x heads, the mean of each row and column at its end: press one to look through it. */
export function createMatrix(group, stack, set) {
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
    draw(view, derived) {
      const values = cells.map(({ layer, head }) => derived.measureOf(layer, head));
      const high = Math.max(...values, 1e-9);
      cells.forEach(({ cell, layer, head }, at) => {
        const value = values[at];
        cell.style.background = colourOf(value / high);
        cell.style.color = value / high > 0.55 ? "#0b1220" : "#ffffff";
        const depth = describeDepth(stack, { layer, head });
        cell.setAttribute("aria-label", `${depth}: ${percent(value)}`);
        cell.title = cell.getAttribute("aria-label");
      });
      markChosen(
        cells.map(({ cell }) => cell),
        (cell) =>
          derived.signal.id === "attention" &&
          !derived.text &&
          Number(cell.dataset.layer) === view.layer &&
          Number(cell.dataset.head) === view.head,
      );
    },
  };
}
