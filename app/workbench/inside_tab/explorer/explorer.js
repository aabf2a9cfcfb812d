// The explorer: one state (`ui.view`), the panels that draw it, and what changes it. Nothing here
// asks the server for anything; `trigger` tells it of the few buttons that need the model.

import { drawComparison } from "./compare.js";
import { drawControls, fillControls, listenToControls } from "./controls.js";
import { deriveView } from "./derived.js";
import {
  describeMask,
  describeMatch,
  describeMeasure,
  describePatch,
  describeSelfAttention,
} from "./descriptions.js";
import { fillTicks } from "./elements.js";
import { drawFinding } from "./findings.js";
import { createImageView } from "./image_view.js";
import { listenToKeys } from "./keys.js";
import { MEAN } from "./numbers.js";
import { createBars, createMatrix } from "./panels.js";
import { createMaps } from "./query_maps.js";
import { createSelfAttention } from "./self_attention.js";
import { describe } from "./sentences.js";
import { readStack } from "./stack.js";
import { createWords } from "./words.js";

/** What is shown before a visitor chooses anything. */
function defaultView() {
  return {
    signal: "attention",
    layer: MEAN,
    head: MEAN,
    query: 0,
    text: 0,
    token: null,
    scale: "shared",
    sort: "index",
    measure: "focus",
    raw: false,
    grey: true,
    clip: false,
    opacity: 0.85,
    patch: null,
    hovered: null,
    masking: false,
    masked: new Set(),
  };
}

/** Builds the explorer inside its markup; `trigger(name, data)` sends an event to the server. */
export function createExplorer(element, trigger) {
  const ui = {
    part: (name) => element.querySelector(`[data-part="${name}"]`),
    view: defaultView(),
    stack: null,
    before: null,
    derived: null,
    panels: null,
    kept: null,
    compared: null,
    tested: "",
    drawn: "",
    toShow: false,
    trigger,
  };
  let waiting = false;

  /** Changes the view; changes before the next frame are drawn together. */
  ui.set = (changes) => {
    Object.assign(ui.view, changes);
    if (waiting || !ui.stack) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      if (!ui.stack) return;
      drawAll(ui);
      // After it is drawn, as what stands above the image moves it.
      if (ui.toShow) ui.part("image").scrollIntoView({ block: "nearest" });
      ui.toShow = false;
    });
  };

  /** A query, in the signal on screen where that has a map for each. */
  ui.pick = (query) => {
    const ofQueries = ["attention", "rollout"].includes(ui.view.signal);
    ui.set({ query, token: null, signal: ofQueries ? ui.view.signal : "attention" });
  };

  ui.imageView = createImageView(ui.part("image"), {
    patch: (patch) => ui.set({ patch }),
    paint: (patch, hides) => {
      ui.view.masked[hides ? "add" : "delete"](patch);
      ui.set({});
    },
  });
  listenToControls(ui);
  listenToKeys(ui);
  new ResizeObserver(() => ui.set({})).observe(ui.part("image-view"));

  return {
    show: (payload) => show(ui, payload),
    showFinding: (finding) => drawFinding(ui, finding),
  };
}

/** Another stack, or none. What was chosen stays where it can be chosen again. */
function show(ui, payload) {
  ui.part("empty").hidden = Boolean(payload);
  ui.part("body").hidden = !payload;
  for (const kind of ["look", "test", "mask"]) ui.part(`${kind}-finding`).hidden = true;
  ui.before = ui.stack ?? ui.before; // nothing is shown between two images
  ui.stack = payload ? readStack(payload) : null;
  if (!ui.stack) return;
  const start = ui.before && fits(ui.before, ui.stack) ? {} : firstView(ui.stack);
  Object.assign(ui.view, { patch: null, hovered: null, masked: new Set(), token: null }, start);
  if (payload.why) Object.assign(ui.view, answerFirst(ui.stack));
  fillControls(ui);
  ui.panels = makePanels(ui);
  ui.drawn = "";
  ui.imageView.setStack(ui.stack, () => ui.set({}));
  // Somebody asked for it: on a phone it begins below what is on screen.
  ui.toShow = !ui.stack.example;
  ui.set({});
}

/** The word of the answer that took most from the image, where its visitor asked why. */
function answerFirst({ texts }) {
  const text = texts.findIndex(({ id }) => id === "answer");
  if (text < 0) return {};
  const shares = texts[text].imageShare;
  return { text, token: shares.indexOf(Math.max(...shares)) };
}

/** Whether what was chosen in one stack can be chosen in another. */
function fits(before, after) {
  const shape = ({ layers, heads, queries, rows, cols, signals }) =>
    JSON.stringify([layers, heads, queries, rows, cols, signals.map(({ id }) => id)]);
  return shape(before) === shape(after);
}

/** Where a visitor starts: the map that the stack names, else the query closest to the text. */
function firstView(stack) {
  const query = stack.winner?.query ?? 0;
  const start = { signal: "attention", layer: MEAN, head: MEAN, query, text: 0 };
  const kind = stack.maps[stack.default_map]?.kind;
  if (kind === "text" && stack.texts.length) return { ...start, token: MEAN };
  if (stack.signals.some(({ id }) => id === kind)) return { ...start, signal: kind };
  return start;
}

function makePanels({ part, stack, set, pick }) {
  return {
    maps: createMaps(part("maps"), stack, pick, set),
    bars: createBars(part("bars"), stack, pick),
    matrix: createMatrix(part("matrix"), stack, set),
    words: createWords(part("texts"), stack, set),
    selfAttention: createSelfAttention(
      part("self-attention"),
      part("self-attention-row"),
      part("self-attention-value"),
      stack,
      pick,
    ),
  };
}

function drawAll(ui) {
  const { view, stack, panels } = ui;
  const derived = deriveView(stack, view);
  ui.derived = derived;
  const { signal, layer, head, scale, sort, raw, clip } = view;
  const drawn = JSON.stringify([signal, layer, head, scale, sort, raw, clip]);
  if (drawn === ui.drawn) panels.maps.point(derived);
  else panels.maps.draw(view, derived);
  ui.drawn = drawn;
  ui.imageView.draw(view, derived.map, derived.shownHigh);
  panels.bars.draw(derived);
  panels.matrix.draw(view, derived);
  panels.words.draw(view, derived);
  panels.selfAttention.draw(derived);
  drawComparison(ui);
  drawWords(ui);
  drawControls(ui);
}

/** All texts on the page. */
function drawWords({ part, view, stack, derived }) {
  const words = describe(stack, view, derived);
  const texts = {
    fit: stack.fit ?? "",
    title: words.title,
    description: words.description,
    method: words.method,
    unit: words.unit,
    legend: words.legend,
    patch: describePatch(view.patch, stack, derived),
    "match-description": describeMatch(derived),
    "matrix-description": describeMeasure(view, derived.query),
    "self-attention-description": describeSelfAttention(stack, derived.query),
    "mask-description": describeMask(view.masked.size, stack.example),
  };
  for (const [name, text] of Object.entries(texts)) {
    // Only where it differs, so that a screen reader is not told the same again.
    if (part(name).textContent !== text) part(name).textContent = text;
  }
  part("image").setAttribute("aria-label", words.aloud);
  fillTicks(part("ticks"), words.ticks);
}
