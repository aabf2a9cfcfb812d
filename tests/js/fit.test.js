import assert from "node:assert/strict";
import { test } from "node:test";
import { openExplorer } from "./explorer_page.js";
import { readPayload } from "./payload.js";

const KINDS = readPayload().maps.map(({ kind }) => kind);
const CLOSEST = KINDS.indexOf("winner");
const UNFIT = {
  text: "a red car",
  itm: 0.14,
  fits: false,
  fit: "ITM 0.140: “a red car” does not fit the image, says the matcher.",
};
const pressed = ({ part }, group) =>
  part(group)
    .querySelectorAll('[aria-pressed="true"]')
    .map((button) => button.dataset.query ?? `${button.dataset.layer} ${button.dataset.head}`);

/** The shipped payload with another query closest to its text. */
function closest(query, changes = {}) {
  const payload = readPayload({ default_map: CLOSEST, ...changes });
  return { ...payload, winner: { ...payload.winner, query } };
}

test("whether the text fits stands before all else, on screen and read aloud", () => {
  const page = openExplorer({ default_map: CLOSEST, ...UNFIT });
  assert.equal(page.text("fit"), UNFIT.fit);
  assert.ok(page.part("fit").classList.contains("unfit"));
  const said = page.part("body").textContent.trim();
  assert.ok(said.startsWith(UNFIT.fit), said.slice(0, 80));
  assert.ok(page.part("image").getAttribute("aria-label").startsWith(`${UNFIT.fit} Closest query`));
  assert.equal(
    page.part("root").getAttribute("aria-describedby"),
    page.part("fit").getAttribute("id"),
  );
});

test("one that fits is not marked, and without a text nothing is said", () => {
  const page = openExplorer();
  assert.match(
    page.text("fit"),
    /^ITM 0\.995: “a picture of .*” fits the image, says the matcher\.$/,
  );
  assert.equal(page.part("fit").classList.contains("unfit"), false);
  const bare = openExplorer({ text: null, itm: null, fits: null, fit: null, default_map: null });
  assert.equal(bare.part("fit").hidden, true);
  assert.match(bare.part("image").getAttribute("aria-label"), /^Query /);
});

test("nothing of a text that does not fit is called a match, best, won or found", () => {
  const page = openExplorer({ default_map: CLOSEST, ...UNFIT });
  const labels = page.root
    .querySelectorAll("[aria-label]")
    .map((one) => one.getAttribute("aria-label"));
  const said = [page.part("body").textContent, ...labels].join(" ");
  assert.match(said, /Closest query · query 12/);
  assert.doesNotMatch(said, /best|\bwins?\b|winner|found the text|\bmatch(es)?\b/i);
});

test("header and ring are of the query closest to the text on screen, whatever was before", async () => {
  const page = openExplorer({ default_map: CLOSEST });
  const shown = () => [page.text("title"), pressed(page, "maps"), pressed(page, "bars")];
  assert.deepEqual(shown(), ["Closest query · query 12", ["12"], ["12"]]);
  page.explorer.show(closest(3, UNFIT));
  page.draw();
  assert.deepEqual(shown(), ["Closest query · query 3", ["3"], ["3"]]);
  assert.match(page.text("matrix-description"), /query 3 attends/);
  assert.match(page.text("self-attention-description"), /Query 3 attends most/);
  assert.match(page.text("texts"), /how much query 3 attends/);
  page.explorer.show(closest(12));
  page.draw();
  assert.deepEqual(shown(), ["Closest query · query 12", ["12"], ["12"]]);
  await page.key("ArrowRight");
  assert.deepEqual(shown(), ["Query 13 · mean of all layers, mean of all heads", ["13"], ["13"]]);
});

test("a map of no query has no ring, and none that says of another depth", async () => {
  const page = openExplorer();
  assert.deepEqual(pressed(page, "matrix"), ["-1 -1"]);
  for (const signal of ["gradcam", "relevance", "winner"]) {
    await page.part("signal").querySelector(`[data-signal="${signal}"]`).click();
    page.draw();
    assert.deepEqual(pressed(page, "maps"), signal === "winner" ? ["12"] : [], signal);
    assert.deepEqual(pressed(page, "matrix"), [], signal);
  }
  await page.pressWord(4);
  assert.deepEqual([pressed(page, "maps"), pressed(page, "bars")], [[], []]);
  await page.key("ArrowRight", {}, page.part("texts").querySelector('[data-token="4"]'));
  assert.equal(page.text("title"), "The text · “cap”, word 6");
  await page.key("ArrowLeft", {}, page.part("texts").querySelector('[data-token="5"]'));
  assert.equal(page.text("title"), "The text · “yellow”, word 5");
  await page.pressQuery(2);
  assert.deepEqual([pressed(page, "maps"), pressed(page, "matrix")], [["2"], ["-1 -1"]]);
});

test("a kept map of a text that does not fit says so", async () => {
  const page = openExplorer({ default_map: CLOSEST, ...UNFIT });
  await page.press("keep");
  assert.equal(
    page.text("kept-name"),
    "Closest query · query 12 · for “a red car”, which does not fit",
  );
});
