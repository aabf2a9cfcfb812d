import assert from "node:assert/strict";
import { test } from "node:test";
import * as colours from "../../app/workbench/inside_tab/explorer/colours.js";

const pixel = (table, at) => [...table.slice(at * 3, at * 3 + 3)];

test("differences run from blue over white to orange in straight lines", () => {
  const table = colours.DIVERGING;
  assert.equal(table.length, 768);
  assert.deepEqual(pixel(table, 0), [5, 72, 136]);
  assert.deepEqual(pixel(table, 255), [166, 70, 0]);
  // 1/4 of 255 is 63.75: the colours beside it lie on the lines to the second colour.
  const before = (63 / 255) * 4;
  const expected = [5, 72, 136].map((from, at) =>
    Math.round(from + ([108, 174, 214][at] - from) * before),
  );
  assert.deepEqual(pixel(table, 63), expected);
  const after = (64 / 255) * 4 - 1;
  const next = [108, 174, 214].map((from) => Math.round(from + (247 - from) * after));
  assert.deepEqual(pixel(table, 64), next);
});

test("a share has its place in the table", () => {
  assert.equal(colours.colourIndex(0), 0);
  assert.equal(colours.colourIndex(0.5), 128);
  assert.equal(colours.colourIndex(1), 255);
  assert.equal(colours.colourIndex(-1), 0);
  assert.equal(colours.colourIndex(2), 255);
});

test("the palette that a stack brings is used, unless another table is named", () => {
  const bytes = Uint8Array.from({ length: 768 }, (_, at) => (at < 3 ? at + 1 : at % 251));
  colours.useColours(bytes);
  assert.equal(colours.palette, bytes);
  assert.equal(colours.colourOf(0), "rgb(1 2 3)");
  assert.equal(colours.colourOf(1), `rgb(${pixel(bytes, 255).join(" ")})`);
  assert.equal(colours.colourOf(0, colours.DIVERGING), "rgb(5 72 136)");
});

test("a ramp has its colours from left to right", () => {
  const ramp = colours.colourRamp(colours.DIVERGING);
  assert.match(ramp, /^linear-gradient\(to right, rgb\(5 72 136\) 0%, rgb\([\d ]+\) 6\.25%, /);
  assert.match(ramp, / 93\.75%, rgb\(166 70 0\) 100%\)$/);
  assert.equal(ramp.match(/rgb/g).length, 17);
});
