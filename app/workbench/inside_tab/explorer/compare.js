// Two maps side by side: one that was kept, of whatever word, query, text or picture, and the one on
// screen; between them, what differs.

const SAME = 0.0005; // maps of which less lies elsewhere are called the same
const SIDE_PIXELS = 480; // width of each picture; the page shows them smaller

/** All that is needed to draw the map on screen again when its stack is gone. */
function keepMap({ view, stack, look, stage }) {
  const { rows, cols } = stack;
  const name = compareName(stack, view, look);
  const { src, width, height } = stack.picture;
  const pictures = stage.pictures(); // filled once the picture is decoded
  return { name, rows, cols, src, aspect: width / height, map: look.map, pictures };
}

function drawComparison(ui) {
  const { part, view, stack, look, kept } = ui;
  part("compare").hidden = !kept;
  part("keep").textContent = kept ? "Keep this one instead" : "Keep to compare";
  if (!kept) return;
  const shown = keepMap(ui);
  const drawn = [kept, look.map, kept.pictures.colour, shown.pictures.colour, view.raw, view.grey, view.opacity];
  if (ui.compared && drawn.every((one, at) => one === ui.compared[at])) return; // the pointer moved
  ui.compared = drawn;
  const [before, now] = [sharesOf(kept.map), sharesOf(look.map)];
  const differs = kept.rows === stack.rows && kept.cols === stack.cols;
  const difference = differs ? now.map((share, patch) => share - before[patch]) : null;
  const high = highest([before, now]);
  drawSide(part("kept"), kept, before, view, { high, floor: FAINT });
  drawSide(part("shown"), shown, now, view, { high, floor: FAINT });
  for (const name of ["kept", "shown"]) {
    part(name + "-ramp").style.background = colourRamp();
    fillTicks(part(name + "-ticks"), [0, high / 2, high].map(percent));
  }
  const moved = differs && movedShare(difference) >= SAME;
  part("differing").hidden = !moved;
  if (moved) drawDifference(part, shown, difference, view);
  const words = describeComparison(kept, stack, before, now, difference);
  for (const [name, text] of Object.entries({ "kept-name": kept.name, "shown-name": shown.name, ...words })) {
    if (part(name).textContent !== text) part(name).textContent = text;
  }
  part("kept").setAttribute("aria-label", "Kept: " + kept.name);
  part("shown").setAttribute("aria-label", "On screen: " + shown.name);
  part("difference").setAttribute("aria-label", words["compare-said"]);
}

/** The scale has its middle at 0, whichever way the map differs more. */
function drawDifference(part, shown, difference, view) {
  const high = Math.max(...difference.map(Math.abs));
  drawSide(part("difference"), shown, difference, view, { high, floor: 0, signed: true });
  part("difference-ramp").style.background = colourRamp(DIVERGING);
  fillTicks(part("difference-ticks"), ["−" + percent(high), "0", "+" + percent(high)]);
}

function fillTicks(place, ticks) {
  place.replaceChildren(...ticks.map((tick) => make("span", {}, tick)));
}

function drawSide(canvas, { pictures, aspect, rows, cols }, map, view, how) {
  canvas.width = SIDE_PIXELS;
  canvas.height = Math.max(1, Math.round(SIDE_PIXELS / aspect));
  const picture = pictures[view.grey ? "grey" : "colour"];
  const overlay = document.createElement("canvas");
  const drawn = { smooth: !view.raw, opacity: view.opacity, ...how };
  paintOver(canvas, picture, overlay, map, { rows, cols }, drawn);
}
