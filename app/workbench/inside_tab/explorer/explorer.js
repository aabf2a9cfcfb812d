// The explorer: one state (`ui.view`), the panels that draw it, and what changes it. Nothing here
// asks the server for anything; `trigger` tells it of the few buttons that need the model.

function createExplorer(element, trigger) {
  const ui = {
    part: (name) => element.querySelector('[data-part="' + name + '"]'),
    view: {
      signal: "attention", layer: MEAN, head: MEAN, query: 0, text: 0, token: null,
      scale: "shared", sort: "index", measure: "focus", raw: false, grey: true, clip: false, opacity: 0.85,
      patch: null, hovered: null, masking: false, masked: new Set(),
    },
    stack: null,
    before: null,
    look: null,
    panels: null,
    kept: null,
    compared: null,
    drawn: "",
    trigger,
  };
  let waiting = false;

  /** Changes the view; it is drawn once before the next frame, however many changes there are. */
  ui.set = (changes) => {
    Object.assign(ui.view, changes);
    if (waiting || !ui.stack) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      if (ui.stack) drawAll(ui);
    });
  };

  /** A query, in the signal on screen where that has a map for each. */
  ui.pick = (query) => {
    const ofQueries = ["attention", "rollout"].includes(ui.view.signal);
    ui.set({ query, token: null, signal: ofQueries ? ui.view.signal : "attention" });
  };

  ui.stage = createStage(ui.part("picture"), {
    patch: (patch) => ui.set({ patch }),
    paint: (patch, hides) => {
      ui.view.masked[hides ? "add" : "delete"](patch);
      ui.set({});
    },
  });
  listenToControls(ui);
  listenToKeys(ui);
  new ResizeObserver(() => ui.set({})).observe(ui.part("stage"));

  return {
    show: (payload) => show(ui, payload),
    tell: (finding) => drawFinding(ui.part, finding, () => trigger("halt")),
  };
}

/** Another stack, or none. What was chosen stays where it can be chosen again. */
function show(ui, payload) {
  ui.part("empty").hidden = Boolean(payload);
  ui.part("body").hidden = !payload;
  for (const kind of ["look", "test", "mask"]) ui.part(kind + "-finding").hidden = true;
  const before = (ui.before = ui.stack ?? ui.before); // nothing is shown between two pictures
  ui.stack = payload ? readStack(payload) : null;
  if (!ui.stack) return;
  const start = before && fits(before, ui.stack) ? {} : firstView(ui.stack);
  Object.assign(ui.view, { patch: null, hovered: null, masked: new Set(), token: null }, start);
  fillControls(ui);
  ui.panels = makePanels(ui);
  ui.drawn = "";
  ui.stage.setStack(ui.stack, () => ui.set({}));
  ui.set({});
}

/** Whether what was chosen in one stack can be chosen in another. */
function fits(before, after) {
  const shape = ({ layers, heads, queries, rows, cols, signals }) =>
    JSON.stringify([layers, heads, queries, rows, cols, signals.map(({ id }) => id)]);
  return shape(before) === shape(after);
}

/** Where a visitor starts: the map that the stack names, else the query that found the text. */
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
    pairs: createPairs(part("pairs"), part("row"), part("pair"), stack, pick),
  };
}

function drawAll(ui) {
  const { view, stack, panels } = ui;
  const look = (ui.look = lookAt(stack, view));
  const { signal, layer, head, scale, sort, raw, clip } = view;
  const drawn = JSON.stringify([signal, layer, head, scale, sort, raw, clip]);
  if (drawn === ui.drawn) panels.maps.point(view, look);
  else panels.maps.draw(view, look);
  ui.drawn = drawn;
  ui.stage.draw(view, look.map, look.shownHigh);
  panels.bars.draw(view, look);
  panels.matrix.draw(view, look);
  panels.words.draw(view);
  panels.pairs.draw(view, look);
  drawComparison(ui);
  drawWords(ui);
  drawControls(ui);
}

/** Everything that is said in words. */
function drawWords({ part, view, stack, look }) {
  const words = describe(stack, view, look);
  const texts = {
    title: words.title,
    said: words.said,
    method: words.method,
    unit: words.unit,
    legend: words.legend,
    patch: describePatch(view.patch, stack, look),
    "match-said": describeMatch(look),
    "matrix-said": describeMeasure(view),
    "listening-said": describeListening(stack, view.query),
    "mask-said": describeMask(view.masked.size, stack.example),
  };
  for (const [name, text] of Object.entries(texts)) {
    // Only where it differs, so that a screen reader is not told the same again.
    if (part(name).textContent !== text) part(name).textContent = text;
  }
  part("picture").setAttribute("aria-label", words.title + ". " + words.said);
  fillTicks(part("ticks"), words.ticks);
}
