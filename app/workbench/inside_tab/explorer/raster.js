// From a grid of numbers to pixels.

import { colourIndex, DIVERGING, palette } from "./colours.js";

/** For each of `size` pixels the four nearest of `count` cells and their weights (Catmull-Rom). */
function cubicWeights(count, size) {
  const cells = new Int32Array(size * 4);
  const weights = new Float32Array(size * 4);
  for (let pixel = 0; pixel < size; pixel++) {
    const place = ((pixel + 0.5) * count) / size - 0.5; // cell centres, not cell corners
    const base = Math.floor(place);
    const t = place - base;
    const four = [
      -0.5 * t + t * t - 0.5 * t ** 3,
      1 - 2.5 * t * t + 1.5 * t ** 3,
      0.5 * t + 2 * t * t - 1.5 * t ** 3,
      -0.5 * t * t + 0.5 * t ** 3,
    ];
    for (let near = 0; near < 4; near++) {
      cells[pixel * 4 + near] = Math.max(0, Math.min(count - 1, base - 1 + near));
      weights[pixel * 4 + near] = four[near];
    }
  }
  return { cells, weights };
}

/** rows x cols numbers -> height x width numbers, bicubic, never below `lowest`. */
export function enlarge(values, rows, cols, height, width, lowest = 0) {
  const across = cubicWeights(cols, width);
  const wide = new Float32Array(rows * width);
  for (let row = 0; row < rows; row++) {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let near = x * 4; near < x * 4 + 4; near++) {
        sum += values[row * cols + across.cells[near]] * across.weights[near];
      }
      wide[row * width + x] = sum;
    }
  }
  const down = cubicWeights(rows, height);
  const large = new Float32Array(height * width);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let near = y * 4; near < y * 4 + 4; near++) {
        sum += wide[down.cells[near] * width + x] * down.weights[near];
      }
      large[y * width + x] = Math.max(lowest, sum);
    }
  }
  return large;
}

/**
 * Paints a map on a canvas of its own size: one pixel for each patch, or many where it is smooth.
 * `high` is the number at the bright end of the scale; the dark end is 0, or -`high` where the map
 * is a difference (`signed`). Bright places cover what is below them more than dark ones do, up to
 * `opacity`.
 */
export function paintMap(canvas, map, rows, cols, options) {
  const { smooth, high, opacity = 1, floor = 1, pixels = 192, signed = false } = options;
  const factor = smooth ? Math.max(1, Math.ceil(pixels / Math.max(rows, cols))) : 1;
  const [width, height] = [cols * factor, rows * factor];
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const lowest = signed ? -Infinity : 0;
  const values = smooth ? enlarge(map, rows, cols, height, width, lowest) : map;
  const table = signed ? DIVERGING : palette;
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  const data = image.data;
  for (let pixel = 0; pixel < width * height; pixel++) {
    const share = high > 0 ? Math.max(-1, Math.min(1, values[pixel] / high)) : 0;
    const at = colourIndex(signed ? (share + 1) / 2 : share) * 3;
    data[pixel * 4] = table[at];
    data[pixel * 4 + 1] = table[at + 1];
    data[pixel * 4 + 2] = table[at + 2];
    data[pixel * 4 + 3] = 255 * opacity * (floor + (1 - floor) * Math.abs(share));
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

/** An image, perhaps none yet, with a map on it. `overlay` is a canvas to paint the map on first. */
export function paintOver(canvas, image, overlay, map, { rows, cols }, options) {
  const { width, height } = canvas;
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  if (image) context.drawImage(image, 0, 0, width, height);
  paintMap(overlay, map, rows, cols, options);
  context.imageSmoothingEnabled = options.smooth;
  context.drawImage(overlay, 0, 0, width, height);
  context.imageSmoothingEnabled = true;
}

/** A copy of an image without its colours. */
export function greyCopy(image, width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0, width, height);
  const pixels = context.getImageData(0, 0, width, height);
  const data = pixels.data;
  for (let at = 0; at < data.length; at += 4) {
    const light = 0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2];
    data[at] = data[at + 1] = data[at + 2] = light;
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}
