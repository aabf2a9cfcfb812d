// The image with one map on it: drawing, pointing at patches, painting a mask, saving as PNG.

import { colourOf } from "./colours.js";
import { cellAt } from "./numbers.js";
import { greyCopy, paintOver } from "./raster.js";
import { bytesOf } from "./stack.js";

export const LOWEST_OPACITY = 0.15; // how much of the opacity the lowest value of a map keeps

/**
 * The large image. `on.patch(patch)` is called when a patch is pointed at (null: none any more),
 * `on.paint(patch, masked)` when one is to be masked or freed.
 */
export function createImageView(canvas, on) {
  const overlay = document.createElement("canvas");
  let images = {};
  let [stack, painting, shown] = [null, null, null];

  function setStack(next, whenReady) {
    stack = next;
    const loaded = { colour: null, grey: null };
    images = loaded;
    const image = new Image();
    image.onload = () => {
      loaded.colour = image;
      loaded.grey = greyCopy(image, image.naturalWidth, image.naturalHeight);
      if (stack === next) whenReady();
    };
    image.src = next.image.src;
  }

  /** Draws a view on any canvas, so that what is saved is what was seen. */
  function paint(target, view, map, high) {
    const options = { smooth: !view.raw, high, opacity: view.opacity, floor: LOWEST_OPACITY };
    paintOver(target, images[view.grey ? "grey" : "colour"], overlay, map, stack, options);
    paintMasks(target.getContext("2d"), target.width, target.height, view);
  }

  function paintMasks(context, width, height, view) {
    const [w, h] = [width / stack.cols, height / stack.rows];
    for (const patch of view.masked) {
      const [x, y] = [(patch % stack.cols) * w, Math.floor(patch / stack.cols) * h];
      context.fillStyle = "rgb(15 23 42 / 0.82)";
      context.fillRect(x, y, w, h);
      context.strokeStyle = "rgb(255 255 255 / 0.75)";
      context.lineWidth = Math.max(1, w / 24);
      context.beginPath();
      context.moveTo(x + w * 0.3, y + h * 0.3);
      context.lineTo(x + w * 0.7, y + h * 0.7);
      context.moveTo(x + w * 0.7, y + h * 0.3);
      context.lineTo(x + w * 0.3, y + h * 0.7);
      context.stroke();
    }
  }

  function outline(patch) {
    const context = canvas.getContext("2d");
    const [w, h] = [canvas.width / stack.cols, canvas.height / stack.rows];
    const box = [(patch % stack.cols) * w, Math.floor(patch / stack.cols) * h, w, h];
    for (const [colour, thick] of [
      ["#0b1220", 4],
      ["#ffffff", 2],
    ]) {
      context.strokeStyle = colour;
      context.lineWidth = thick;
      context.strokeRect(...box);
    }
  }

  function draw(view, map, high) {
    shown = view;
    const box = canvas.getBoundingClientRect();
    const sharp = Math.min(window.devicePixelRatio || 1, 2);
    const width = Math.max(1, Math.round(box.width * sharp));
    const height = Math.max(1, Math.round(box.height * sharp));
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
    paint(canvas, view, map, high);
    if (view.patch !== null) outline(view.patch);
  }

  function patchAt(event) {
    const box = canvas.getBoundingClientRect();
    const col = cellAt(event.clientX - box.left, box.width, stack.cols);
    const row = cellAt(event.clientY - box.top, box.height, stack.rows);
    return row * stack.cols + col;
  }

  canvas.addEventListener("pointermove", (event) => {
    if (!stack) return;
    const patch = patchAt(event);
    if (patch !== shown?.patch) on.patch(patch);
    if (painting !== null && patch !== painting.last) {
      painting.last = patch;
      on.paint(patch, painting.masks);
    }
  });
  canvas.addEventListener("pointerdown", (event) => {
    if (!stack || !shown?.masking) return;
    const patch = patchAt(event);
    painting = { masks: !shown.masked.has(patch), last: patch };
    canvas.setPointerCapture(event.pointerId);
    on.paint(patch, painting.masks);
    event.preventDefault();
  });
  for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, () => (painting = null));
  }
  canvas.addEventListener("pointerleave", () => painting === null && on.patch(null));

  return { setStack, draw, paint, images: () => images };
}

/**
 * A figure for a paper or a message: the map on the image, the colour bar with its numbers, and
 * what it shows in words. Saved by the browser; nothing is sent.
 */
export function saveFigure(imageView, stack, view, { map, high, ticks, unit, lines, name }) {
  const width = 960;
  const height = Math.round((width * stack.image.height) / stack.image.width);
  const image = document.createElement("canvas");
  [image.width, image.height] = [width, height];
  imageView.paint(image, view, map, high);

  const figure = document.createElement("canvas");
  const context = figure.getContext("2d");
  const [edge, font, step] = [28, "22px system-ui, sans-serif", 32];
  context.font = font;
  const wrapped = lines.flatMap((line) => wrapText(context, line, width));
  figure.width = width + 2 * edge;
  figure.height = height + 2 * edge + 122 + wrapped.length * step;
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, figure.width, figure.height);
  context.drawImage(image, edge, edge);

  const top = edge + height + 16;
  for (let x = 0; x < width; x++) {
    context.fillStyle = colourOf(x / (width - 1));
    context.fillRect(edge + x, top, 1, 16);
  }
  context.fillStyle = "#1e293b";
  context.font = font;
  ["left", "center", "right"].forEach((align, at) => {
    context.textAlign = align;
    context.fillText(ticks[at], edge + (width * at) / 2, top + 44);
  });
  context.textAlign = "center";
  context.fillText(unit, edge + width / 2, top + 76);
  context.textAlign = "left";
  for (const [at, line] of wrapped.entries()) context.fillText(line, edge, top + 120 + at * step);
  figure.toBlob((blob) => download(blob, `${name}.png`), "image/png");
}

function wrapText(context, text, width) {
  const lines = [""];
  for (const word of text.split(/\s+/)) {
    const longer = `${lines[lines.length - 1]} ${word}`.trim();
    if (context.measureText(longer).width > width) lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  return lines;
}

/** A file that the server made on request. */
export function saveFile(file) {
  if (file) download(new Blob([bytesOf(file.data)]), file.name);
}

function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
