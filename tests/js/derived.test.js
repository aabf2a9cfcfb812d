import assert from "node:assert/strict";
import { test } from "node:test";
import { deriveView } from "../../app/workbench/inside_tab/explorer/derived.js";
import {
  correlation,
  entropy,
  MEAN,
  quantile,
} from "../../app/workbench/inside_tab/explorer/numbers.js";
import { realStack, viewOf } from "./payload.js";

const stack = realStack();
const derive = (changes = {}, of = stack) => deriveView(of, viewOf(changes));
const all = (maps) => maps.flatMap((map) => [...map]);

test("the map on screen is that of the query, layer and head", () => {
  const { map, maps, signal, single, text } = derive({ query: 3, layer: 1, head: 2 });
  assert.equal(map, stack.attention(3, 1, 2));
  assert.equal(maps[5], stack.attention(5, 1, 2));
  assert.deepEqual([signal.id, single, text], ["attention", undefined, null]);
});

test("an unknown signal is attention", () => {
  assert.equal(derive({ signal: "nothing" }).signal.id, "attention");
});

test("rollout has a map for each query, Grad-CAM one for all", () => {
  const rollout = derive({ signal: "rollout", query: 4 });
  assert.equal(rollout.map, stack.signals[1].maps[4].values);
  assert.equal(rollout.maps[6], stack.signals[1].maps[6].values);
  const gradcam = derive({ signal: "gradcam", query: 4 });
  assert.equal(gradcam.map, stack.signals[2].map.values);
  assert.equal(gradcam.maps[4], stack.attention(4, MEAN, MEAN));
});

test("a word has its map; all words have that of the whole text, or the sum of theirs", () => {
  assert.equal(derive({ token: 4 }).map, stack.texts[0].maps[4].values);
  assert.equal(derive({ token: MEAN }).map, stack.texts[0].whole.values);
  const maps = [{ values: [1, 2] }, { values: [10, 20] }];
  const text = { ...stack.texts[0], maps, whole: null };
  const summed = derive({ token: MEAN }, { ...stack, texts: [text] });
  assert.deepEqual([...summed.map], [11, 22]);
});

test("the scale: shared by all queries, by the stack, or the map's own", () => {
  const shared = derive({ query: 2 });
  assert.equal(shared.high, Math.max(...all(shared.maps)));
  assert.equal(shared.shownHigh, shared.high);
  assert.equal(derive({ scale: "stack" }).high, stack.scale);
  assert.equal(derive({ scale: "stack" }).shownHigh, stack.scale);
  assert.equal(derive({ scale: "own", query: 2 }).shownHigh, Math.max(...shared.map));
  const rollout = derive({ scale: "stack", signal: "rollout" });
  assert.equal(rollout.high, Math.max(...all(rollout.maps)));
});

test("a clipped scale ends at the 99th percentile", () => {
  const clipped = derive({ clip: true });
  assert.equal(clipped.high, quantile(all(clipped.maps), 0.99));
  assert.equal(derive({ clip: true, scale: "stack" }).high, stack.clippedScale());
  assert.equal(derive({ clip: true, scale: "own" }).shownHigh, quantile(clipped.map, 0.99));
});

test("words share a scale; a map of the whole has its own", () => {
  const words = stack.texts[0].maps.map(({ values }) => values);
  assert.equal(derive({ token: 4 }).shownHigh, Math.max(...all(words)));
  assert.equal(derive({ token: MEAN }).shownHigh, Math.max(...stack.texts[0].whole.values));
  const { map, shownHigh } = derive({ signal: "gradcam" });
  assert.equal(shownHigh, Math.max(...map));
});

test("the order: by number, entropy, cosine or similarity", () => {
  const { bits, cosines } = derive();
  const numbers = [...Array(16).keys()];
  assert.deepEqual(derive().order, numbers);
  const rising = derive({ sort: "entropy" }).order.map((query) => bits[query]);
  assert.deepEqual(
    rising,
    [...bits].sort((a, b) => a - b),
  );
  const falling = derive({ sort: "cosine" }).order.map((query) => cosines[query]);
  assert.deepEqual(
    falling,
    [...cosines].sort((a, b) => b - a),
  );
  assert.deepEqual(derive({ sort: "cosine" }, { ...stack, cosines: null }).order, numbers);
  const similar = derive({ sort: "similarity" }).order;
  assert.notDeepEqual(similar, numbers);
  assert.deepEqual(
    [...similar].sort((a, b) => a - b),
    numbers,
  );
});

test("facts of each query", () => {
  const { maps, bits, flat, even, mostSimilar, classShares, winner, second } = derive({ layer: 0 });
  assert.equal(bits[3], entropy(maps[3]));
  assert.deepEqual([flat[3], even[3]], [false, false]);
  assert.equal(classShares[3], stack.classShare(3, 0, MEAN));
  assert.deepEqual([winner, second], [12, 9]);
  const likes = maps.map((map, other) => (other === 3 ? -9 : correlation(map, maps[3])));
  assert.equal(mostSimilar[3], likes.indexOf(Math.max(...likes)));
});

test("shares of the queries in the patch that is pointed at, or in a word", () => {
  const pointed = derive({ patch: 9, token: 4 });
  assert.deepEqual(
    pointed.queryShares,
    pointed.maps.map((map) => map[9]),
  );
  assert.equal(derive({ token: 4 }).queryShares, stack.texts[0].shares[4]);
  assert.equal(derive({ token: MEAN }).queryShares, null);
  assert.equal(derive({ token: 0, text: 1 }).queryShares, null);
  assert.equal(derive().queryShares, null);
});

test("a cell of the matrix measures one layer and head", () => {
  const map = stack.attention(2, 1, 3);
  const measured = (measure) => derive({ query: 2, measure }).measureOf(1, 3);
  assert.equal(measured("peak"), Math.max(...map));
  assert.equal(measured("class"), stack.classShare(2, 1, 3));
  assert.equal(measured("focus"), 1 - entropy(map) / 6);
  const none = { ...stack, classShare: () => null };
  assert.equal(deriveView(none, viewOf({ measure: "class" })).measureOf(0, 0), 0);
});
