import assert from "node:assert/strict";
import { test } from "node:test";
import * as numbers from "../../app/workbench/inside_tab/explorer/numbers.js";

const close = (found, expected) => assert.ok(Math.abs(found - expected) < 1e-6, `${found}`);

test("the mean stands for every index", () => {
  assert.deepEqual(numbers.selectedIndices(numbers.MEAN, 3), [0, 1, 2]);
  assert.deepEqual(numbers.selectedIndices(2, 3), [2]);
});

test("total and mean, also of nothing", () => {
  assert.equal(numbers.total([1, 2, 3.5]), 6.5);
  assert.equal(numbers.mean([1, 2, 6]), 3);
  assert.equal(numbers.mean([]), 0);
});

test("argmax is the first of the largest", () => {
  assert.equal(numbers.argmax([1, 4, 4, 2]), 1);
  assert.equal(numbers.argmax([-3, -1, -2]), 1);
  assert.equal(
    numbers.maxOfMaps([
      [1, 2],
      [7, 3],
    ]),
    7,
  );
});

test("a quantile, and the highest where it is 0", () => {
  const values = [10, 9, 1, 2, 3, 4, 5, 6, 7, 8, 0];
  assert.equal(numbers.quantile(values, 0.5), 5);
  assert.equal(numbers.quantile(values, 0.99), 9);
  assert.equal(numbers.quantile(values, 1), 10);
  assert.equal(numbers.quantile([0, 0, 0, 0, 3], 0.5), 3);
});

test("shares of a map, and how much of it lies elsewhere", () => {
  assert.deepEqual([...numbers.sharesOf([1, 3])], [0.25, 0.75]);
  assert.deepEqual([...numbers.sharesOf([0, 0])], [0, 0]);
  assert.equal(numbers.totalVariation([0.5, -0.25, -0.25]), 0.5);
});

test("a place is in a cell, and never outside", () => {
  assert.equal(numbers.cellAt(0, 100, 4), 0);
  assert.equal(numbers.cellAt(24.9, 100, 4), 0);
  assert.equal(numbers.cellAt(25, 100, 4), 1);
  assert.equal(numbers.cellAt(100, 100, 4), 3);
  assert.equal(numbers.cellAt(-5, 100, 4), 0);
});

test("entropy in bits", () => {
  assert.equal(numbers.entropy([0, 5, 0, 0]), 0);
  assert.equal(numbers.entropy([2, 2, 2, 2]), 2);
  assert.equal(numbers.entropy([1, 1, 0, 0]), 1);
  close(numbers.entropy([1, 3]), -0.25 * Math.log2(0.25) - 0.75 * Math.log2(0.75));
  assert.equal(numbers.entropy([0, 0, 0, 0]), 2);
});

test("a map is flat within a limit that counts in shares of its highest", () => {
  assert.equal(numbers.isFlat([10, 9], 0.1), true);
  assert.equal(numbers.isFlat([10, 8.9], 0.1), false);
  assert.equal(numbers.isFlat([0, 0], 0.1), true);
});

test("a map is nearly even above 0.995 of the highest entropy", () => {
  assert.equal(numbers.isNearlyEven([1, 1, 1, 1.2]), true);
  assert.equal(numbers.isNearlyEven([1, 1, 1, 2]), false);
});

test("correlation is that of Pearson", () => {
  close(numbers.correlation([1, 2, 3], [2, 4, 6]), 1);
  close(numbers.correlation([1, 2, 3], [3, 2, 1]), -1);
  close(numbers.correlation([0, 1, 0, 1], [0, 0, 1, 1]), 0);
  close(numbers.correlation([1, 2, 4], [1, 3, 2]), 0.327326835);
  assert.equal(numbers.correlation([1, 1], [1, 2]), 0);
  assert.equal(numbers.correlation([1, 2], [1, 1]), 0);
});

test("similar maps come side by side", () => {
  const left = [9, 1, 0, 0];
  const right = [0, 0, 1, 9];
  const order = numbers.orderBySimilarity([left, right, [8, 1, 0, 0], [0, 0, 2, 9], [0, 5, 0, 0]]);
  assert.deepEqual([...order].sort(), [0, 1, 2, 3, 4]);
  const places = [0, 1, 2, 3].map((map) => order.indexOf(map));
  assert.equal(Math.abs(places[0] - places[2]), 1);
  assert.equal(Math.abs(places[1] - places[3]), 1);
  assert.deepEqual(numbers.orderBySimilarity([left]), [0]);
});

test("groups join by the mean similarity of their members", () => {
  // 0 and 1 are the most similar; 2 resembles 1 more than 3 does, but 3 resembles both.
  const maps = [
    [9, 8, 1, 0, 0, 1],
    [9, 9, 0, 1, 0, 1],
    [0, 5, 0, 9, 0, 0],
    [5, 4, 0, 0, 9, 0],
  ];
  assert.deepEqual(numbers.orderBySimilarity(maps), [0, 1, 3, 2]);
});
