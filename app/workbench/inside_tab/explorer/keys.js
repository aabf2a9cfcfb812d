// The keyboard: arrows move, four letters act. Not while something is typed or slid.

import { keep, save } from "./controls.js";
import { queryOf } from "./derived.js";
import { MEAN } from "./numbers.js";

const ACROSS = { ArrowLeft: -1, ArrowRight: 1 };
const DOWN = { ArrowUp: -1, ArrowDown: 1 };

export function listenToKeys(ui) {
  const { part, view, set } = ui;
  const letters = {
    h: () => set({ head: view.head === MEAN ? 0 : MEAN, signal: "attention", token: null }),
    p: () => set({ raw: !view.raw }),
    c: () => keep(ui),
    s: () => save(ui),
  };
  part("root").addEventListener("keydown", (event) => {
    const { key, target } = event;
    const typing = target.closest("input:not([type=checkbox]), select, textarea");
    if (!ui.stack || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const onImage = target === part("image");
    const letter = event.shiftKey ? null : letters[key.toLowerCase()];
    if (onImage && event.shiftKey && key.startsWith("Arrow")) movePatch(ui, key);
    else if (key.startsWith("Arrow")) move(ui, key, target);
    else if (onImage && [" ", "Enter"].includes(key)) hidePatch(ui);
    else if (letter) letter();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
}

/** An arrow means the nearest thing: words among words, heads in the matrix, else queries. */
function move(ui, key, target) {
  const { view, stack, derived, set } = ui;
  const across = ACROSS[key];
  if (!across) {
    const layer = nextOf(view.layer, DOWN[key], stack.layers.length);
    set({ layer, signal: "attention", token: null });
  } else if (target.closest(".tokens")) {
    const text = Number(target.dataset.text);
    const token = view.token === null || view.text !== text ? MEAN : view.token;
    set({ text, token: nextOf(token, across, stack.texts[text].tokens.length) });
  } else if (target.closest('[data-part="matrix"]')) {
    set({ head: nextOf(view.head, across, stack.heads), signal: "attention", token: null });
  } else {
    const at = derived.order.indexOf(queryOf(stack, view));
    ui.pick(derived.order[wrap(at, across, stack.queries)]);
  }
}

/** The patch that is pointed at, by keyboard. */
function movePatch({ view, stack, set }, key) {
  if (view.patch === null) return set({ patch: 0 });
  const row = wrap(Math.floor(view.patch / stack.cols), DOWN[key] ?? 0, stack.rows);
  const col = wrap(view.patch % stack.cols, ACROSS[key] ?? 0, stack.cols);
  return set({ patch: row * stack.cols + col });
}

function hidePatch({ view, set }) {
  if (!view.masking || view.patch === null) return;
  view.masked[view.masked.has(view.patch) ? "delete" : "add"](view.patch);
  set({});
}

/** Goes round: after the last comes the first. */
function wrap(at, by, count) {
  return (at + by + count) % count;
}

/** Through the places and the mean, which comes after the last. */
function nextOf(place, by, count) {
  const next = wrap(place === MEAN ? count : place, by, count + 1);
  return next === count ? MEAN : next;
}
