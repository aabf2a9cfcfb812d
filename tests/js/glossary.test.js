import assert from "node:assert/strict";
import { test } from "node:test";
import { placeOf, termFinder } from "../../app/glossary/glossary.js";

const TERMS = [
  { name: "query token", also: ["query tokens", "query", "queries"], sentence: "A row." },
  { name: "ITM", also: [], sentence: "A probability." },
  { name: "Q-Former", also: [], sentence: "A model." },
  { name: "top-p", also: [], sentence: "A share." },
];
const find = termFinder(TERMS);

/** What is found in a text: each piece with the name of its term. */
function found(text) {
  return find(text).map(({ start, end, term }) => `${text.slice(start, end)} = ${term.name}`);
}

test("a term is found in each of its forms, the longest first, whatever its case", () => {
  assert.deepEqual(found("Query tokens, a query and Queries"), [
    "Query tokens = query token",
    "query = query token",
    "Queries = query token",
  ]);
  assert.deepEqual(found("itm, the Q-former, top-p."), [
    "itm = ITM",
    "Q-former = Q-Former",
    "top-p = top-p",
  ]);
});

test("a part of another word is no term", () => {
  assert.deepEqual(found("fitments, ITM2, stop-p, requery, query-based, ITM_x"), []);
  assert.deepEqual(found(""), []);
});

test("a box stands below the point, above it where there is no room, and never outside", () => {
  const view = { width: 400, height: 300 };
  const box = { width: 200, height: 100 };
  assert.deepEqual(placeOf({ x: 200, y: 50 }, box, view), { left: 100, top: 62 });
  assert.deepEqual(placeOf({ x: 390, y: 280 }, box, view), { left: 192, top: 168 });
  assert.deepEqual(placeOf({ x: 0, y: 50 }, { width: 600, height: 400 }, view).left, 8);
  assert.deepEqual(placeOf({ x: 0, y: 150 }, { width: 200, height: 400 }, view).top, 8);
});
