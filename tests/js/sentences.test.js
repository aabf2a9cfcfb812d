import assert from "node:assert/strict";
import { test } from "node:test";
import { deriveView } from "../../app/workbench/inside_tab/explorer/derived.js";
import * as says from "../../app/workbench/inside_tab/explorer/descriptions.js";
import {
  percent,
  placeOf,
  ranking,
  twoDigits,
} from "../../app/workbench/inside_tab/explorer/formats.js";
import { MEAN } from "../../app/workbench/inside_tab/explorer/numbers.js";
import {
  describe,
  describeDepth,
  titleOf,
} from "../../app/workbench/inside_tab/explorer/sentences.js";
import { realStack, viewOf } from "./payload.js";

const stack = realStack();

function described(changes = {}, of = stack) {
  const view = viewOf(changes);
  return describe(of, view, deriveView(of, view));
}

function titled(changes) {
  const view = viewOf(changes);
  return titleOf(stack, view, deriveView(stack, view));
}

test("percentages have a digit after the point where it tells something", () => {
  const shares = [0, 0.0004, 0.0005, 0.012, 0.0994, 0.0995, 0.5, 1];
  const expected = ["0%", "0%", "0.1%", "1.2%", "9.9%", "10%", "50%", "100%"];
  assert.deepEqual(shares.map(percent), expected);
});

test("numbers have two telling digits and no exponent", () => {
  const values = [0, 0.123, 1.26, 12.4, 123.4, -0.0345, 1e-9];
  const expected = ["0", "0.12", "1.3", "12", "123", "-0.035", "0.000000"];
  assert.deepEqual(values.map(twoDigits), expected);
});

test("a patch is in one of nine places", () => {
  const places = [0, 4, 8, 36, 40, 44, 72, 76, 80].map((patch) => placeOf(patch, 9, 9));
  assert.deepEqual(places, [
    "at upper left",
    "at the top",
    "at upper right",
    "at the left",
    "at the centre",
    "at the right",
    "at lower left",
    "at the bottom",
    "at lower right",
  ]);
  assert.equal(placeOf(3, 1, 4), "at the right");
  assert.equal(placeOf(3, 4, 1), "at the bottom");
  assert.equal(placeOf(2, 9, 9), "at upper left");
  assert.equal(placeOf(3, 9, 9), "at the top");
});

test("a ranking names the largest first", () => {
  assert.equal(ranking([0.1, 0.5, 0.3], 2, percent), "1 (50%), 2 (30%)");
});

test("layer and head by their names in the model", () => {
  assert.equal(describeDepth(stack, { layer: 1, head: 0 }), "layer 2, head 0");
  const all = describeDepth(stack, { layer: MEAN, head: MEAN });
  assert.equal(all, "mean of all layers, mean of all heads");
});

test("titles say whose map it is", () => {
  assert.equal(titled({ query: 3, layer: 0, head: 1 }), "Query 3 · layer 0, head 1");
  assert.equal(titled({ query: 3, signal: "rollout" }), "Query 3 · rollout");
  assert.equal(titled({ signal: "gradcam" }), "Grad-CAM · the whole text");
  assert.equal(titled({ signal: "winner" }), "Closest query · query 12");
  assert.equal(titled({ token: 4 }), "The text · “yellow”, word 5");
  assert.equal(titled({ token: MEAN }), "The text · all words");
  assert.equal(titled({ token: 0, text: 1 }), "What the model wrote · “yellow”, word 1");
});

test("a map in words agrees with what the server says of it", () => {
  const alts = [0, 1].flatMap((layer) =>
    stack.alts[layer].map((alt, query) => [layer, query, alt]),
  );
  for (const [layer, query, alt] of alts) {
    const said = described({ layer, query }).description.toLowerCase();
    const [, place, share] = alt.match(/: (strongest .*), (\d+) % of attention inside/);
    assert.ok(said.includes(`${place}, with `), said);
    const found = Number(said.match(/, with ([\d.]+)% of the map inside 4\.7% of the image/)[1]);
    assert.ok(Math.abs(found - share) <= 1, `${said} / ${alt}`);
  }
});

test("flat and nearly even maps are said to be so", () => {
  const flat = realStack({ values: Buffer.alloc(8192, 7).toString("base64") });
  assert.match(described({}, flat).description, /^A flat map: no part of the image stands out\./);
  const values = Buffer.alloc(8192, 100).fill(110, 63, 64);
  const even = realStack({ values: values.toString("base64") });
  const [layer, head, query] = [0, 0, 0];
  const said = described({ layer, head, query }, even).description;
  assert.match(said, /^Nearly even; strongest at lower right, with 4\.8% of the map/);
});

test("the share of the class token is said where the map is of one query", () => {
  const share = percent(stack.classShare(3, MEAN, MEAN));
  const said = described({ query: 3 }).description;
  assert.ok(said.includes(`${share} goes to the class token, which belongs to no patch.`));
  assert.ok(!described({ signal: "gradcam" }).description.includes("class token"));
  const without = realStack({ class_share: null });
  assert.ok(!described({}, without).description.includes("class token"));
});

test("the queries that attend to a word, as shares of all", () => {
  const shares = stack.texts[0].shares[4];
  const sum = shares.reduce((total, share) => total + share, 0);
  const first = shares.indexOf(Math.max(...shares));
  const most = `The queries that attend to it most: ${first} (${percent(shares[first] / sum)}), `;
  assert.ok(described({ token: 4 }).description.includes(most));
  assert.ok(!described({ token: MEAN }).description.includes("attend"));
});

test("an answer's word says how much of it came from the image", () => {
  const slots = stack.texts[1].slots[0];
  const first = slots.indexOf(Math.max(...slots));
  const said = described({ token: 0, text: 1 }).description;
  const read = `36% of what the model attended to was the image, mostly queries ${first} (`;
  assert.ok(said.includes(read), said);
});

test("a faint map says how faint", () => {
  const query = 5;
  const own = Math.max(...stack.attention(query, MEAN, MEAN));
  const faint = described({ scale: "stack", query }).description;
  const share = percent(own / stack.scale);
  assert.ok(own / stack.scale < 0.35);
  assert.ok(faint.includes(`Faint here: its peak is ${share} of the highest on this scale.`));
  assert.ok(!described({ scale: "own", query }).description.includes("Faint"));
});

test("ticks, unit and method go with the signal", () => {
  const attention = described({ scale: "own", query: 2 });
  const high = Math.max(...stack.attention(2, MEAN, MEAN));
  assert.deepEqual(attention.ticks, ["0%", percent(high / 2), percent(high)]);
  assert.equal(
    attention.unit,
    "own scale, not comparable; share of the query's attention, per patch",
  );
  assert.equal(attention.method, stack.signals[0].hint);
  const gradcam = described({ signal: "gradcam" });
  const top = Math.max(...stack.signals[2].map.values);
  assert.deepEqual(gradcam.ticks, ["0", twoDigits(top / 2), twoDigits(top)]);
  assert.equal(gradcam.unit, "relevance, per patch");
  const word = described({ token: 4, signal: "attention" });
  assert.equal(word.unit, "relevance, per patch");
  assert.equal(word.method, stack.texts[0].hint);
});

test("a clipped scale ends with at least", () => {
  const [low, middle, high] = described({ clip: true, scale: "own" }).ticks;
  assert.ok(high.startsWith("≥ ") && !middle.startsWith("≥") && low === "0%");
  assert.ok(!described({ clip: false, scale: "own" }).ticks[2].startsWith("≥"));
});

test("a file is named for the map", () => {
  assert.equal(described({ query: 3, layer: 0, head: 1 }).name, "query-3-layer-0-head-1");
  assert.equal(described({ token: 4 }).name, "the-text-yellow-word-5");
});

test("the legend says what can be compared and what stands below each map", () => {
  const view = viewOf();
  const legend = (changes, of = stack) =>
    says.describeLegend(deriveView(of, viewOf(changes)), viewOf(changes));
  assert.equal(
    legend({}),
    "One colour scale for all queries, so maps can be compared. Below each: attention left on the " +
      "class token; spread in bits (less is more focused); cosine with the text; the query with " +
      "the most similar map.",
  );
  assert.match(legend({ scale: "stack" }), /^One colour scale for all queries, layers and heads\./);
  assert.match(legend({ scale: "own" }), /^Each map on its own scale/);
  const bare = { ...stack, classShare: () => null, cosines: null };
  assert.match(
    legend(view, bare),
    /Below each: spread in bits \(less is more focused\); the query/,
  );
});

test("a patch is named by row and column, with the queries that attend to it most", () => {
  const derived = deriveView(stack, viewOf({ patch: 17 }));
  const said = says.describePatch(17, stack, derived);
  const first = ranking(derived.queryShares, 4, percent);
  assert.equal(said, `Row 3, column 2: queries ${first} attend to it most.`);
  assert.match(says.describePatch(null, stack, derived), /^Point at the image/);
  const rollout = deriveView(stack, viewOf({ patch: 17, signal: "rollout" }));
  const numbers = ranking(rollout.queryShares, 4, twoDigits);
  assert.ok(says.describePatch(17, stack, rollout).includes(numbers));
});

test("the closest query and its lead", () => {
  const cosines = [0.1, 0.5, 0.4];
  const text = says.describeMatch({ cosines, winner: 1, second: 2 });
  assert.match(text, / Query 1 is closest, with a cosine of 0\.500; query 2 is 0\.100 behind\.$/);
  assert.match(says.describeMatch({ cosines, winner: 1, second: null }), / of 0\.500\.$/);
  assert.equal(says.describeMatch({ cosines: null }), "");
});

test("self-attention names other queries than the one itself", () => {
  const selfAttention = [
    [0.7, 0.1, 0.2],
    [0.3, 0.3, 0.4],
    [0.1, 0.8, 0.1],
  ];
  const said = says.describeSelfAttention({ selfAttention }, 0);
  assert.match(said, /Query 0 attends most to 2 \(20%\), 1 \(10%\), 0 \(/);
});

test("measures and masks in words", () => {
  assert.match(says.describeMeasure({ measure: "focus" }, 3), /query 3 .*: 0% is an even map/);
  assert.match(says.describeMeasure({ measure: "class" }, 3), /to the class token/);
  assert.match(says.describeMeasure({ measure: "peak" }, 3), /query 3's attention on one/);
  assert.match(says.describeMask(0, false), /^Press or drag over patches/);
  assert.match(says.describeMask(1, false), /^1 patch hidden\. /);
  assert.match(says.describeMask(2, false), /^2 patches hidden\. /);
  assert.match(says.describeMask(2, true), /^This is a finished example/);
});
