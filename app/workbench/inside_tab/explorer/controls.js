// The controls beside the image: from the view to them, and back.

import { colourRamp } from "./colours.js";
import { keepMap } from "./compare.js";
import { deriveView } from "./derived.js";
import { make, markChosen } from "./elements.js";
import { saveFigure } from "./image_view.js";
import { MEAN } from "./numbers.js";
import { describe, titleOf, WARNING } from "./sentences.js";

const SELECTS = { layer: Number, head: Number, sort: String, scale: String, measure: String };
const CHECKBOXES = ["raw", "grey", "clip"];

/** What depends on the stack alone. */
export function fillControls({ part, stack, set }) {
  const { width, height } = stack.image;
  part("image-view").style.setProperty("--aspect", width / height);
  part("fit").hidden = !stack.fit;
  part("fit").classList.toggle("unfit", stack.fits === false);
  part("note").hidden = !stack.note;
  part("note").textContent = stack.note ?? "";
  part("ramp").style.background = colourRamp();
  part("measure").querySelector('[value="class"]').disabled = !stack.class_share;
  part("sort").querySelector('[value="cosine"]').disabled = !stack.cosines;
  part("match").hidden = !stack.cosines;
  part("npz").disabled = part("json").disabled = Boolean(stack.example);
  fillSelect(part("layer"), stack.layers);
  fillSelect(part("head"), [...Array(stack.heads).keys()]);
  part("signal").replaceChildren(
    ...stack.signals.map(({ id, label }) => {
      const onclick = () => set({ signal: id, token: null });
      return make("button", { type: "button", "data-signal": id, onclick }, label);
    }),
  );
}

/** Choices by place, each with its name; the mean comes first. */
function fillSelect(select, names) {
  select.replaceChildren(
    make("option", { value: MEAN }, "mean"),
    ...names.map((name, place) => make("option", { value: place }, String(name))),
  );
}

/** What depends on the view. */
export function drawControls({ part, view, stack, derived }) {
  for (const name of Object.keys(SELECTS)) part(name).value = String(view[name]);
  for (const name of CHECKBOXES) part(name).checked = view[name];
  part("opacity").value = String(Math.round(view.opacity * 100));
  part("depth").hidden = Boolean(derived.single);
  const signal = view.token === null ? derived.signal.id : null;
  markChosen([...part("signal").children], (button) => button.dataset.signal === signal);
  part("test").disabled = Boolean(stack.example) || derived.text?.id === "answer";
  part("masking").setAttribute("aria-pressed", String(view.masking));
  part("masked").hidden = !view.masking;
  part("image").classList.toggle("maskable", view.masking);
  part("unmask").disabled = view.masked.size === 0;
  part("ask-again").disabled = view.masked.size === 0 || Boolean(stack.example);
}

export function listenToControls(ui) {
  const { part, view, set, trigger } = ui;
  for (const [name, read] of Object.entries(SELECTS)) {
    part(name).addEventListener("change", ({ target }) => set({ [name]: read(target.value) }));
  }
  for (const name of CHECKBOXES) {
    part(name).addEventListener("change", ({ target }) => set({ [name]: target.checked }));
  }
  part("opacity").addEventListener("input", ({ target }) => set({ opacity: target.value / 100 }));
  const pressed = {
    save: () => save(ui),
    keep: () => keep(ui),
    forget: () => forget(ui),
    test: () => test(ui),
    masking: () => set({ masking: !view.masking, masked: new Set() }),
    "mask-peak": () => set({ masked: new Set([...view.masked, ...strongest(ui)]) }),
    unmask: () => set({ masked: new Set() }),
    "ask-again": () => trigger("mask", { patches: [...view.masked].sort((a, b) => a - b) }),
    npz: () => trigger("export", { kind: "npz" }),
    json: () => trigger("export", { kind: "json" }),
  };
  for (const [name, act] of Object.entries(pressed)) part(name).addEventListener("click", act);
}

/** Asks for a test; the visitor may look at another map before it is there. */
function test(ui) {
  ui.tested = titleOf(ui.stack, ui.view, deriveView(ui.stack, ui.view));
  ui.trigger("test", shownMap(ui));
}

/** Which map is on screen, for the server. */
function shownMap({ view, stack }) {
  const { signal, layer, head, query } = view;
  const word = { text: stack.texts[view.text]?.id, token: view.token };
  return { signal, layer, head, query, ...(view.token === null ? {} : word) };
}

/** The tenth of the patches where the map on screen is strongest. */
function strongest({ stack, derived }) {
  const order = [...derived.map.keys()].sort((a, b) => derived.map[b] - derived.map[a]);
  return order.slice(0, Math.max(1, Math.round(stack.patches / 10)));
}

/** The map on screen stays, whatever is chosen next. */
export function keep(ui) {
  ui.derived = deriveView(ui.stack, ui.view); // what was chosen just now may not be drawn yet
  ui.kept = keepMap(ui);
  ui.set({});
}

function forget(ui) {
  ui.kept = null;
  ui.set({});
  ui.part("keep").focus(); // the button that was pressed is gone
}

export function save({ imageView, stack, view }) {
  const derived = deriveView(stack, view); // what was chosen just now may not be drawn yet
  const words = describe(stack, view, derived);
  saveFigure(imageView, stack, view, {
    map: derived.map,
    high: derived.shownHigh,
    ticks: words.ticks,
    unit: words.unit,
    lines: [stack.fit, words.title, words.description, WARNING].filter(Boolean),
    name: words.name,
  });
}
