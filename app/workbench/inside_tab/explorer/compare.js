// Two maps side by side: one that was kept, of whatever word, query, text or image, and the one on
// screen; between them, what differs.

import { colourRamp, DIVERGING } from "./colours.js";
import { compareName, describeComparison, SAME_LIMIT } from "./compare_sentences.js";
import { fillTicks } from "./elements.js";
import { percent } from "./formats.js";
import { LOWEST_OPACITY } from "./image_view.js";
import { maxOfMaps, sharesOf, totalVariation } from "./numbers.js";
import { paintOver } from "./raster.js";

const SIDE_PIXELS = 480; // width of each image; the page shows them smaller

/** All that is needed to draw the map on screen again when its stack is gone. */
export function keepMap({ view, stack, derived, imageView }) {
  const { rows, cols } = stack;
  const name = compareName(stack, view, derived);
  const { src, width, height } = stack.image;
  const images = imageView.images(); // filled once the image is decoded
  return { name, rows, cols, src, aspect: width / height, map: derived.map, images };
}

export function drawComparison(ui) {
  const { part, view, stack, derived, kept } = ui;
  part("compare").hidden = !kept;
  part("keep").textContent = kept ? "Keep this one instead" : "Keep to compare";
  if (!kept) return;
  const shown = keepMap(ui);
  const drawn = [
    kept,
    derived.map,
    kept.images.colour,
    shown.images.colour,
    view.raw,
    view.grey,
    view.opacity,
  ];
  if (ui.compared && drawn.every((one, at) => one === ui.compared[at])) return; // the pointer moved
  ui.compared = drawn;
  const [before, now] = [sharesOf(kept.map), sharesOf(derived.map)];
  const sameGrid = kept.rows === stack.rows && kept.cols === stack.cols;
  const difference = sameGrid ? now.map((share, patch) => share - before[patch]) : null;
  const high = maxOfMaps([before, now]);
  drawSide(part("kept"), kept, before, view, { high, floor: LOWEST_OPACITY });
  drawSide(part("shown"), shown, now, view, { high, floor: LOWEST_OPACITY });
  for (const name of ["kept", "shown"]) {
    part(`${name}-ramp`).style.background = colourRamp();
    fillTicks(part(`${name}-ticks`), [0, high / 2, high].map(percent));
  }
  const moved = sameGrid && totalVariation(difference) >= SAME_LIMIT;
  part("difference-figure").hidden = !moved;
  if (moved) drawDifference(part, shown, difference, view);
  const description = describeComparison(kept, stack, before, now, difference);
  for (const [name, text] of Object.entries({
    "kept-name": kept.name,
    "shown-name": shown.name,
    "compare-description": description,
  })) {
    if (part(name).textContent !== text) part(name).textContent = text;
  }
  part("kept").setAttribute("aria-label", `Kept: ${kept.name}`);
  part("shown").setAttribute("aria-label", `On screen: ${shown.name}`);
  part("difference").setAttribute("aria-label", description);
}

/** The scale has its middle at 0, whichever way the map differs more. */
function drawDifference(part, shown, difference, view) {
  const high = Math.max(...difference.map(Math.abs));
  drawSide(part("difference"), shown, difference, view, { high, floor: 0, signed: true });
  part("difference-ramp").style.background = colourRamp(DIVERGING);
  fillTicks(part("difference-ticks"), [`−${percent(high)}`, "0", `+${percent(high)}`]);
}

function drawSide(canvas, { images, aspect, rows, cols }, map, view, options) {
  canvas.width = SIDE_PIXELS;
  canvas.height = Math.max(1, Math.round(SIDE_PIXELS / aspect));
  const image = images[view.grey ? "grey" : "colour"];
  const overlay = document.createElement("canvas");
  const drawn = { smooth: !view.raw, opacity: view.opacity, ...options };
  paintOver(canvas, image, overlay, map, { rows, cols }, drawn);
}
