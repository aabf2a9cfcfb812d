import assert from "node:assert/strict";
import { test } from "node:test";
import { palette } from "../../app/workbench/inside_tab/explorer/colours.js";
import { MEAN } from "../../app/workbench/inside_tab/explorer/numbers.js";
import { bytesOf } from "../../app/workbench/inside_tab/explorer/stack.js";
import { decode, readPayload, realStack } from "./payload.js";

const QUERIES = 16;
const HEADS = 4;
const PATCHES = 64;

function assertClose(found, expected) {
  assert.equal(found.length, expected.length);
  for (const [at, value] of expected.entries()) {
    assert.ok(Math.abs(found[at] - value) < 1e-6, `${at}: ${found[at]} is not ${value}`);
  }
}

/** The mean of some places' maps, from the payload as its format says: layer, head, query. */
function expectedMap(payload, places) {
  const all = decode(payload);
  return Array.from({ length: PATCHES }, (_, patch) => {
    const values = places.map((place) => all[place * PATCHES + patch]);
    return values.reduce((sum, value) => sum + value, 0) / values.length;
  });
}

test("bytes are those of base64", () => {
  assert.deepEqual([...bytesOf("AAF//w==")], [0, 1, 127, 255]);
});

test("one layer and head of the attention", () => {
  const payload = readPayload();
  const { attention } = realStack();
  const place = (1 * HEADS + 3) * QUERIES + 5;
  assertClose(attention(5, 1, 3), expectedMap(payload, [place]));
  assert.equal(attention(5, 1, 3), attention(5, 1, 3));
});

test("the mean over layers, over heads, over both", () => {
  const payload = readPayload();
  const { attention } = realStack();
  const place = (layer, head) => (layer * HEADS + head) * QUERIES + 7;
  assertClose(attention(7, MEAN, 2), expectedMap(payload, [place(0, 2), place(1, 2)]));
  const heads = [0, 1, 2, 3];
  assertClose(
    attention(7, 0, MEAN),
    expectedMap(
      payload,
      heads.map((head) => place(0, head)),
    ),
  );
  const both = [0, 1].flatMap((layer) => heads.map((head) => place(layer, head)));
  assertClose(attention(7, MEAN, MEAN), expectedMap(payload, both));
});

test("attention and the class token's share together are all of it", () => {
  const { attention, classShare } = realStack();
  const sum = attention(3, 0, 1).reduce((total, value) => total + value, 0);
  assert.ok(Math.abs(sum + classShare(3, 0, 1) - 1) < 0.15);
  const shares = readPayload().class_share;
  assert.equal(classShare(3, 0, 1), shares[1 * QUERIES + 3]);
  const mean = [0, 1, 2, 3].reduce((total, head) => total + shares[(4 + head) * 16 + 3], 0) / 4;
  assert.ok(Math.abs(classShare(3, 1, MEAN) - mean) < 1e-12);
  assert.equal(realStack({ class_share: null }).classShare(3, 1, MEAN), null);
});

test("what does not depend on a view is read once", () => {
  const payload = readPayload();
  const stack = realStack();
  assert.equal(stack.patches, PATCHES);
  assert.equal(stack.image.src, payload.image.src);
  assert.deepEqual([...palette], [...Buffer.from(payload.palette, "base64")]);
  const sorted = decode(payload).sort((a, b) => a - b);
  const clipped = sorted[Math.floor(0.99 * (sorted.length - 1))];
  assert.ok(Math.abs(stack.clippedScale() - clipped) < 1e-6);
  assert.equal(stack.clippedScale(), stack.clippedScale());
});

test("signals: attention, rollout of each query, and maps of the whole image", () => {
  const payload = readPayload();
  const { signals } = realStack();
  assert.deepEqual(
    signals.map(({ id, label, unit }) => [id, label, unit]),
    [
      ["attention", "Attention", "share"],
      ["rollout", "Rollout", "relevance"],
      ["gradcam", "Grad-CAM", "relevance"],
      ["relevance", "Relevance", "relevance"],
      ["winner", "Closest query", "share"],
    ],
  );
  const rollout = payload.maps.filter(({ kind, query }) => kind === "rollout" && query !== null);
  assert.equal(signals[1].maps.length, QUERIES);
  assertClose(signals[1].maps[4].values, decode(rollout[4]));
  const gradcam = payload.maps.find(({ kind }) => kind === "gradcam");
  assertClose(signals[2].map.values, decode(gradcam));
  assert.deepEqual(
    realStack({ maps: payload.maps.filter(({ kind }) => kind === "winner") }).signals.map(
      ({ id }) => id,
    ),
    ["attention", "winner"],
  );
});

test("the text: its words, their maps, and how much each query attends to them", () => {
  const payload = readPayload();
  const [text] = realStack().texts;
  assert.equal(text.id, "text");
  assert.deepEqual(text.tokens, "a picture of a yellow cap and a snail in the city".split(" "));
  const maps = payload.maps.filter(({ kind }) => kind === "word");
  assertClose(text.maps[4].values, decode(maps[4]));
  assertClose(text.whole.values, decode(payload.maps.find(({ kind }) => kind === "text")));
  const heard = decode(payload.heard);
  assert.equal(text.shares.length, 12);
  assertClose(text.shares[4], heard.slice(4 * QUERIES, 5 * QUERIES));
});

test("the answer: its tokens without white space, its prompt's last line, its own queries", () => {
  const payload = readPayload();
  const answer = realStack().texts[1];
  assert.equal(answer.id, "answer");
  assert.deepEqual(answer.tokens, ["yellow"]);
  const last = payload.answer.prompt.trim().split("\n").pop();
  assert.equal(answer.note, `to “${last}”`);
  assertClose(answer.maps[0].values, decode(payload.answer.maps[0]));
  assertClose(answer.slots[0], decode(payload.answer));
  assert.deepEqual(answer.imageShare, payload.answer.image_share);
  const tokens = [...payload.answer.tokens, { text: " " }];
  const [first, second] = [payload.answer, { ...payload.answer, prompt: " \n", tokens }].map(
    (changed) => realStack({ answer: changed }).texts[1],
  );
  assert.equal(first.slots.length, 1);
  assert.equal(second.note, "");
  assert.deepEqual(second.tokens, ["yellow", " "]);
});

test("each token of an answer has its own shares", () => {
  const { answer } = readPayload();
  const values = Buffer.from([...Array(32).keys()]).toString("base64");
  const tokens = [{ text: "a" }, { text: "b" }];
  const stack = realStack({ answer: { ...answer, tokens, values, scale: 255, slots: 16 } });
  assertClose(
    stack.texts[1].slots[1],
    [...Array(16).keys()].map((slot) => 16 + slot),
  );
});

test("a stack without a text has no texts", () => {
  const maps = readPayload().maps.filter(({ kind }) => kind === "rollout");
  assert.deepEqual(realStack({ maps, answer: null }).texts, []);
});

test("self-attention is the mean over layers, row by row", () => {
  const payload = readPayload();
  const all = decode(payload.between);
  const layers = payload.between.layers.length;
  const mean = (row, column) =>
    [...Array(layers).keys()].reduce(
      (sum, layer) => sum + all[(layer * QUERIES + row) * QUERIES + column],
      0,
    ) / layers;
  const { selfAttention } = realStack();
  assert.equal(selfAttention.length, QUERIES);
  assertClose(
    selfAttention[2],
    [...Array(QUERIES).keys()].map((column) => mean(2, column)),
  );
  assertClose(
    selfAttention[15],
    [...Array(QUERIES).keys()].map((column) => mean(15, column)),
  );
});
