import assert from "node:assert/strict";
import { test } from "node:test";
import { DIVERGING, useColours } from "../../app/workbench/inside_tab/explorer/colours.js";
import {
  enlarge,
  greyCopy,
  paintMap,
  paintOver,
} from "../../app/workbench/inside_tab/explorer/raster.js";
import { FakeElement, openPage } from "./fake_page.js";

const close = (found, expected) => assert.ok(Math.abs(found - expected) < 1e-5, `${found}`);
const GREYS = Uint8Array.from({ length: 768 }, (_, at) => Math.floor(at / 3));

/** Bicubic interpolation by its formula (Keys 1981, a = -1/2), edges repeated. */
function cubic(values, size, at) {
  const kernel = (x) => {
    const d = Math.abs(x);
    if (d <= 1) return 1.5 * d ** 3 - 2.5 * d ** 2 + 1;
    return d < 2 ? -0.5 * d ** 3 + 2.5 * d ** 2 - 4 * d + 2 : 0;
  };
  const place = ((at + 0.5) * values.length) / size - 0.5;
  let sum = 0;
  for (let cell = -3; cell < values.length + 3; cell++) {
    const inside = Math.max(0, Math.min(values.length - 1, cell));
    sum += values[inside] * kernel(place - cell);
  }
  return sum;
}

test("a row and a column are enlarged by the bicubic formula", () => {
  const values = [1, 5, 2, 0, 7];
  const row = enlarge(values, 1, 5, 1, 13, -Infinity);
  const column = enlarge(values, 5, 1, 13, 1, -Infinity);
  for (let at = 0; at < 13; at++) {
    close(row[at], cubic(values, 13, at));
    close(column[at], cubic(values, 13, at));
  }
});

test("rows and columns keep their places, and nothing falls below the lowest", () => {
  const large = enlarge([0, 0, 9, 0, 0, 0], 2, 3, 8, 30);
  assert.equal(large.length, 240);
  const brightest = large.indexOf(Math.max(...large));
  assert.ok(Math.floor(brightest / 30) < 4 && brightest % 30 >= 20);
  assert.equal(Math.min(...large), 0);
  assert.ok(Math.min(...enlarge([0, 0, 9, 0, 0, 0], 2, 3, 8, 30, -Infinity)) < 0);
});

test("a map is painted patch by patch, the highest at the end of the scale", () => {
  useColours(GREYS);
  const canvas = new FakeElement("canvas");
  paintMap(canvas, [0, 1, 2, 4, 8, 3], 2, 3, { smooth: false, high: 4, opacity: 0.8, floor: 0.5 });
  assert.deepEqual([canvas.width, canvas.height], [3, 2]);
  const pixels = canvas.context.pixels;
  assert.deepEqual([...pixels.slice(0, 4)], [0, 0, 0, 102]);
  assert.deepEqual([...pixels.slice(4, 8)], [64, 64, 64, Math.round(255 * 0.8 * 0.625)]);
  assert.deepEqual([...pixels.slice(12, 16)], [255, 255, 255, 204]);
  assert.deepEqual([...pixels.slice(16, 20)], [255, 255, 255, 204]);
});

test("a map of zeros is painted dark, and covers all by default", () => {
  useColours(GREYS);
  const canvas = new FakeElement("canvas");
  paintMap(canvas, [0, 0], 1, 2, { smooth: false, high: 0 });
  assert.deepEqual([...canvas.context.pixels], [0, 0, 0, 255, 0, 0, 0, 255]);
});

test("a difference has its middle at 0 and fades there", () => {
  const canvas = new FakeElement("canvas");
  const options = { smooth: false, high: 2, floor: 0, signed: true };
  paintMap(canvas, [-2, 0, 1, -9], 1, 4, options);
  const pixels = canvas.context.pixels;
  assert.deepEqual([...pixels.slice(0, 4)], [5, 72, 136, 255]);
  assert.deepEqual([...pixels.slice(4, 8)], [...DIVERGING.slice(384, 387), 0]);
  assert.deepEqual([...pixels.slice(8, 12)], [...DIVERGING.slice(573, 576), 128]);
  assert.deepEqual([...pixels.slice(12, 16)], [5, 72, 136, 255]);
});

test("a smooth map has as many pixels as asked for, and keeps what is below 0 if signed", () => {
  const canvas = new FakeElement("canvas");
  paintMap(canvas, [0, 1, 0, 0, 0, 0], 2, 3, { smooth: true, high: 1, pixels: 64 });
  assert.deepEqual([canvas.width, canvas.height], [66, 44]);
  paintMap(canvas, [0, 1, 0, 0, 0, 0], 2, 3, { smooth: true, high: 1 });
  assert.deepEqual([canvas.width, canvas.height], [192, 128]);
  paintMap(canvas, [0, -1, 0], 1, 3, { smooth: true, high: 1, pixels: 3, signed: true });
  assert.deepEqual([...canvas.context.pixels.slice(4, 7)], [5, 72, 136]);
});

test("a canvas keeps its size where it fits", () => {
  const canvas = new FakeElement("canvas");
  let changes = 0;
  let width = 2;
  Object.defineProperty(canvas, "width", {
    get: () => width,
    set: (value) => {
      changes += 1;
      width = value;
    },
  });
  canvas.height = 1;
  paintMap(canvas, [1, 2], 1, 2, { smooth: false, high: 2 });
  assert.equal(changes, 0);
  paintMap(canvas, [1, 2], 2, 1, { smooth: false, high: 2 });
  assert.deepEqual([canvas.width, canvas.height, changes], [1, 2, 1]);
  paintMap(canvas, [1], 1, 1, { smooth: false, high: 2 });
  assert.deepEqual([canvas.width, canvas.height], [1, 1]);
});

test("the image is drawn first, the map over it", () => {
  const [canvas, overlay] = [new FakeElement("canvas"), new FakeElement("canvas")];
  Object.assign(canvas, { width: 40, height: 20 });
  const grid = { rows: 1, cols: 2 };
  paintOver(canvas, "image", overlay, [1, 2], grid, { smooth: false, high: 2 });
  assert.deepEqual(canvas.context.calls, [
    ["clearRect", 0, 0, 40, 20],
    ["drawImage", "image", 0, 0, 40, 20],
    ["drawImage", overlay, 0, 0, 40, 20],
  ]);
  assert.deepEqual([overlay.width, overlay.height], [2, 1]);
  assert.equal(canvas.context.imageSmoothingEnabled, true);
  paintOver(canvas, null, overlay, [1, 2], grid, { smooth: false, high: 2 });
  assert.equal(canvas.context.calls.length, 5);
});

test("a grey copy keeps how light each pixel is", () => {
  openPage();
  const made = new FakeElement("canvas");
  document.createElement = () => made;
  made.getContext("2d").pixels = [100, 0, 0, 255, 0, 100, 0, 255, 0, 0, 100, 7];
  const copy = greyCopy("image", 3, 1);
  assert.deepEqual([copy.width, copy.height], [3, 1]);
  assert.deepEqual(copy.context.calls, [["drawImage", "image", 0, 0, 3, 1]]);
  const expected = [29.9, 29.9, 29.9, 255, 58.7, 58.7, 58.7, 255, 11.4, 11.4, 11.4, 7];
  copy.context.pixels.forEach((value, at) => {
    close(value, expected[at]);
  });
});
