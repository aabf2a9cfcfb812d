import assert from "node:assert/strict";
import { test } from "node:test";
import { openExplorer } from "./explorer_page.js";

const running = (changes = {}) => ({
  kind: "test",
  state: "running",
  done: 3,
  total: 9,
  what: "Hiding",
  ...changes,
});
const TEST = {
  map: "word",
  shown: [1, 0.5, 0],
  deletion: [1, 0.2, 0],
  insertion: [1, 0.9, 0],
  random: [1, 0.5, 0.3],
  verdict: "Better than chance.",
  good: true,
  sanity: "It depends on the weights.",
};

test("progress is shown, updated in place, and can be stopped", async () => {
  const { explorer, part, text, sent } = openExplorer();
  explorer.showFinding(running());
  assert.equal(part("test-finding").hidden, false);
  assert.equal(text("test-finding"), "Does this map show what counts?StopHiding · 3 of 9");
  const bar = part("test-finding").querySelector("progress");
  assert.deepEqual([bar.max, bar.value, bar.getAttribute("aria-label")], [9, 3, "Hiding"]);
  const button = part("test-finding").querySelector("button");
  explorer.showFinding(running({ done: 4 }));
  assert.equal(part("test-finding").querySelector("button"), button);
  assert.equal(bar.value, 4);
  assert.match(text("test-finding"), /Hiding · 4 of 9$/);
  await button.click();
  assert.deepEqual(sent, [["halt", undefined]]);
  assert.equal(part("test-finding").scrolled, 0);
});

test("where the total is not known, the bar has no value", () => {
  const { explorer, part, text } = openExplorer();
  explorer.showFinding(running({ kind: "look", total: 0 }));
  assert.equal(text("look-finding"), "Hiding …");
  assert.equal(part("look-finding").querySelector("button"), null);
  assert.equal(part("look-finding").querySelector("progress").getAttribute("value"), null);
});

test("what runs is hidden when it ends; a result stays", () => {
  const { explorer, part } = openExplorer();
  explorer.showFinding(running());
  explorer.showFinding({ state: "ended" });
  assert.equal(part("test-finding").hidden, true);
  explorer.showFinding(running());
  assert.equal(part("test-finding").hidden, false);
  explorer.showFinding({ kind: "test", state: "done", result: TEST });
  explorer.showFinding(null);
  assert.equal(part("test-finding").hidden, false);
  assert.equal(part("test-finding").scrolled, 1);
  explorer.showFinding({ kind: "look", state: "failed", message: "No image." });
  assert.equal(part("look-finding").scrolled, 0);
  explorer.showFinding(running({ kind: "mask" }));
  assert.equal(part("look-finding").hidden, true);
});

test("a failure is told where the button is", () => {
  const { explorer, part } = openExplorer();
  explorer.showFinding({ kind: "mask", state: "failed", message: "Not <b>asked</b>." });
  const alert = part("mask-finding").querySelector('[role="alert"]');
  assert.equal(alert.textContent, "Not <b>asked</b>.");
  assert.equal(part("mask-finding").querySelector("h3").textContent, "Asked again");
});

test("curves run from left to right, from the highest at the top", () => {
  const { explorer, part, text } = openExplorer();
  explorer.showFinding({ kind: "test", state: "done", result: TEST });
  const figures = part("test-finding").querySelectorAll("figure");
  const points = (figure, name) =>
    figure
      .querySelector(`polyline.${name}`)
      .getAttribute("points")
      .split(" ")
      .map((point) => point.split(",").map(Number));
  // 36 to 308 across, 10 to 146 down; deletion counts what is hidden, insertion what is shown.
  assert.deepEqual(points(figures[0], "measured"), [
    [36, 10],
    [172, 118.8],
    [308, 146],
  ]);
  assert.deepEqual(points(figures[0], "chance"), [
    [36, 10],
    [172, 78],
    [308, 105.2],
  ]);
  assert.deepEqual(points(figures[1], "measured"), [
    [308, 10],
    [172, 23.6],
    [36, 146],
  ]);
  const label = figures[0].querySelector("svg").getAttribute("aria-label");
  assert.equal(label, "Strongest hidden first: 0.40 on average, random orders 0.60");
  const rules = figures[0].querySelectorAll("line").map((line) => line.getAttribute("y1"));
  assert.deepEqual(rules, ["146", "78", "10"]);
  const ends = figures[0].querySelector("line");
  assert.deepEqual([ends.getAttribute("x1"), ends.getAttribute("x2")], ["36", "308"]);
  const texts = figures[0].querySelectorAll("text").map((label) => label.textContent);
  assert.deepEqual(texts, ["patches hidden", "0.0", "0%", "0.5", "50%", "1.0", "100%"]);
  const places = figures[0]
    .querySelectorAll("text")
    .map((label) => [Number(label.getAttribute("x")), Number(label.getAttribute("y"))]);
  assert.deepEqual(places.slice(0, 5), [
    [172, 176],
    [30, 150],
    [36, 161],
    [30, 82],
    [172, 161],
  ]);
  assert.equal(part("test-finding").querySelectorAll(".verdict.good").length, 1);
  assert.match(text("test-finding"), /Better than chance\.It depends on the weights\.$/);
  explorer.showFinding({ kind: "test", state: "done", result: { ...TEST, good: false } });
  assert.equal(part("test-finding").querySelectorAll(".verdict.good").length, 0);
});

test("a result without a word on weights has no empty line", () => {
  const { explorer, part } = openExplorer();
  const verdict = "No better than chance: do not read this map as a reason.";
  explorer.showFinding({
    kind: "test",
    state: "done",
    result: { ...TEST, verdict, good: false, sanity: "" },
  });
  const said = part("test-finding")
    .querySelectorAll("p")
    .map(({ textContent }) => textContent);
  assert.equal(said.length, 2);
  assert.equal(said[1], verdict);
});

test("a result names the map that was tested, whatever is on screen by then", async () => {
  const page = openExplorer();
  await page.pressQuery(4);
  await page.press("test");
  await page.pressQuery(5);
  page.explorer.showFinding({ kind: "test", state: "done", result: TEST });
  assert.match(
    page.text("test-finding"),
    /^Does “Query 4 · mean of all layers, mean of all heads” /,
  );
  await page.press("test");
  page.explorer.showFinding({ kind: "test", state: "done", result: TEST });
  assert.match(page.text("test-finding"), /^Does “Query 5 · /);
});

test("answers with and without the patches stand side by side", () => {
  const { explorer, part, text } = openExplorer();
  const result = {
    question: "What?",
    text: "a bus",
    hidden: 3,
    patches: 64,
    before: { answer: "a bus", itm: 0.9, itc: 0.4 },
    after: { answer: "", itm: 0.4, itc: 0.45 },
  };
  explorer.showFinding({ kind: "mask", state: "done", result });
  const [before, after] = part("mask-finding").querySelectorAll(".side-answer");
  assert.equal(before.textContent, "Whole imagea busMatch (ITM) 0.90Cosine (ITC) 0.40");
  assert.equal(
    after.textContent,
    "3 of 64 patches hidden(no words)Match (ITM) 0.40 (−0.50)Cosine (ITC) 0.45 (+0.05)",
  );
  assert.match(text("mask-finding"), /“What\?”, and how well “a bus” fits:/);
  assert.match(text("mask-finding"), /The answer changed\./);
  const same = { ...result, question: "", after: { ...result.before, itm: 0.9 } };
  explorer.showFinding({ kind: "mask", state: "done", result: same });
  assert.match(text("mask-finding"), /What the model writes about it, and/);
  assert.match(text("mask-finding"), /The answer stayed the same\./);
  assert.match(text("mask-finding"), /0\.90 \(\+0\.00\)/);
});
