import assert from "node:assert/strict";
import { test } from "node:test";
import {
  compareName,
  describeComparison,
} from "../../app/workbench/inside_tab/explorer/compare_sentences.js";
import { deriveView } from "../../app/workbench/inside_tab/explorer/derived.js";
import { percent } from "../../app/workbench/inside_tab/explorer/formats.js";
import { correlation, sharesOf } from "../../app/workbench/inside_tab/explorer/numbers.js";
import { openExplorer } from "./explorer_page.js";
import { realStack, viewOf } from "./payload.js";

const stack = realStack();
const shares = (query) => sharesOf(stack.attention(query, -1, -1));

test("a map is named with its text, or with the model that answered", () => {
  const named = (changes, of = stack) =>
    compareName(of, viewOf(changes), deriveView(of, viewOf(changes)));
  assert.equal(
    named({ query: 3, layer: 0, head: 1 }),
    "Query 3 · layer 0, head 1 · for “a picture of a yellow cap and a snail in the city”",
  );
  assert.equal(
    named({ query: 3, signal: "rollout" }, { ...stack, text: null }),
    "Query 3 · rollout",
  );
  assert.match(named({ token: 0, text: 1 }), /^What the model wrote · .* · by stickers-opt$/);
});

test("a kept map is compared with the one on screen", async () => {
  const page = openExplorer();
  const { part, text } = page;
  assert.equal(part("compare").hidden, true);
  assert.equal(text("keep"), "Keep to compare");
  await page.pressQuery(3);
  await page.press("keep");
  assert.equal(part("compare").hidden, false);
  assert.equal(text("keep"), "Keep this one instead");
  assert.match(text("compare-description"), /The two are the same\./);
  assert.equal(part("difference-figure").hidden, true);
  await page.pressQuery(7);
  assert.match(text("kept-name"), /^Query 3 · /);
  assert.match(text("shown-name"), /^Query 7 · /);
  const [before, now] = [shares(3), shares(7)];
  const moved = before.reduce((sum, share, at) => sum + Math.abs(now[at] - share), 0) / 2;
  assert.ok(text("compare-description").includes(`${percent(moved)} of the map lies elsewhere`));
  const shape = correlation(before, now).toFixed(2).replace("-", "−");
  assert.ok(text("compare-description").includes(`Correlation ${shape} (1: the same shape;`));
  assert.ok(!text("compare-description").includes("images differ"));
  assert.equal(part("difference-figure").hidden, false);
  const high = Math.max(...before, ...now);
  const ticks = `0%${percent(high / 2)}${percent(high)}`;
  assert.deepEqual([text("kept-ticks"), text("shown-ticks")], [ticks, ticks]);
  const most = percent(Math.max(...before.map((share, at) => Math.abs(now[at] - share))));
  assert.equal(text("difference-ticks"), `−${most}0+${most}`);
  assert.match(part("kept").getAttribute("aria-label"), /^Kept: Query 3/);
  assert.match(part("shown").getAttribute("aria-label"), /^On screen: Query 7/);
  assert.equal(part("difference").getAttribute("aria-label"), text("compare-description"));
  await page.press("forget");
  assert.deepEqual([part("compare").hidden, text("keep")], [true, "Keep to compare"]);
  assert.equal(document.activeElement, part("keep"));
});

test("what was chosen before the next frame is what is kept", async () => {
  const page = openExplorer();
  await page.part("maps").querySelector('[data-query="5"]').click();
  await page.press("keep");
  assert.match(page.text("kept-name"), /^Query 5 · /);
});

test("the places of the largest gain and loss", () => {
  const grid = { rows: 1, cols: 3, src: "a", image: { src: "a" } };
  const [before, now] = [
    [0.6, 0.2, 0.2],
    [0.1, 0.3, 0.6],
  ];
  const difference = now.map((share, at) => share - before[at]);
  const said = describeComparison(grid, grid, before, now, difference);
  assert.match(
    said,
    / 50% of the map lies elsewhere: most was gained at the right, most lost at the left\./,
  );
  assert.match(said, /Correlation −0\.\d\d /);
  const other = { ...grid, src: "b" };
  assert.match(describeComparison(other, grid, before, now, difference), /The images differ/);
  assert.match(describeComparison(grid, grid, now, now, [0, 0, 0]), /The two are the same\./);
  assert.match(
    describeComparison(grid, grid, now, now, [0.0006, -0.0006, 0]),
    /0\.1% of the map lies elsewhere/,
  );
});

test("maps of other grids have no difference", async () => {
  const page = openExplorer();
  await page.press("keep");
  const values = Buffer.alloc(2 * 4 * 16 * 8, 9).toString("base64");
  page.explorer.show({ ...payloadOf(page), rows: 2, cols: 4, values, maps: [], answer: null });
  page.draw();
  assert.match(page.text("compare-description"), /The grids differ \(8 × 8 and 2 × 4 patches\)/);
  assert.equal(page.part("difference-figure").hidden, true);
});

function payloadOf() {
  const { image, patches, selfAttention, signals, texts, ...payload } = realStack();
  return { ...payload, image };
}

test("both sides are drawn at the same size, each with its proportions", async () => {
  const page = openExplorer({ image: { width: 30, height: 10, src: "a" } });
  await page.press("keep");
  await page.pressQuery(3);
  for (const name of ["kept", "shown", "difference"]) {
    assert.deepEqual([page.part(name).width, page.part(name).height], [480, 160]);
  }
  const draws = page.part("kept").getContext("2d").calls.length;
  await page.part("maps").querySelector('[data-query="3"]').send("pointerenter");
  page.draw();
  assert.equal(page.part("kept").getContext("2d").calls.length, draws);
  await page.tick("raw", true);
  assert.ok(page.part("kept").getContext("2d").calls.length > draws);
});
