import assert from "node:assert/strict";
import { test } from "node:test";
import { deriveView } from "../../app/workbench/inside_tab/explorer/derived.js";
import { openExplorer } from "./explorer_page.js";
import { realStack, viewOf } from "./payload.js";

const options = (page, name) =>
  page.part(name).children.map((option) => [option.getAttribute("value"), option.textContent]);

test("layers and heads are chosen by their names, the mean first", () => {
  const page = openExplorer();
  assert.deepEqual(options(page, "layer"), [
    ["-1", "mean"],
    ["0", "0"],
    ["1", "2"],
  ]);
  assert.deepEqual(
    options(page, "head").map(([value]) => value),
    ["-1", "0", "1", "2", "3"],
  );
});

test("selects and boxes change the view, and show it", async () => {
  const page = openExplorer();
  await page.choose("layer", 1);
  await page.choose("head", 3);
  assert.equal(page.text("title"), "Query 12 · layer 2, head 3");
  assert.equal(page.part("layer").value, "1");
  await page.choose("scale", "own");
  assert.match(page.text("unit"), /^own scale/);
  await page.choose("measure", "peak");
  assert.match(page.text("matrix-description"), /^The largest share/);
  await page.choose("sort", "cosine");
  assert.equal(page.part("maps").children[0].dataset.query, "12");
  await page.tick("clip", true);
  assert.match(page.text("ticks"), /≥/);
  await page.tick("raw", true);
  assert.equal(page.part("maps").querySelectorAll("canvas.raw").length, 16);
  assert.deepEqual(
    ["raw", "grey", "clip"].map((name) => page.part(name).checked),
    [true, true, true],
  );
});

test("the opacity is a share of the slider", async () => {
  const page = openExplorer();
  assert.equal(page.part("opacity").value, "85");
  page.part("opacity").value = "40";
  await page.part("opacity").send("input");
  page.draw();
  assert.equal(page.part("opacity").value, "40");
});

test("what the stack lacks cannot be chosen", () => {
  const at = (page, name, value) => page.part(name).querySelector(`[value="${value}"]`).disabled;
  const full = openExplorer();
  const cosines = [at(full, "measure", "class"), at(full, "sort", "cosine")];
  assert.deepEqual([...cosines, full.part("match").hidden], [false, false, false]);
  const bare = openExplorer({ class_share: null, cosines: null, winner: null });
  assert.deepEqual(
    [at(bare, "measure", "class"), at(bare, "sort", "cosine"), bare.part("match").hidden],
    [true, true, true],
  );
});

test("the note is shown where there is one, and the image has its own proportions", () => {
  const page = openExplorer({ note: "An example.", image: { width: 30, height: 10, src: "" } });
  assert.deepEqual([page.part("note").hidden, page.text("note")], [false, "An example."]);
  assert.equal(page.part("image-view").style.properties["--aspect"], "3");
  const plain = openExplorer();
  assert.deepEqual([plain.part("note").hidden, plain.text("note")], [true, ""]);
});

test("a signal is chosen by its button, which is marked", async () => {
  const page = openExplorer();
  const button = (id) => page.part("signal").querySelector(`[data-signal="${id}"]`);
  const pressed = () =>
    page
      .part("signal")
      .children.filter((one) => one.getAttribute("aria-pressed") === "true")
      .map((one) => one.dataset.signal);
  await button("rollout").click();
  page.draw();
  assert.equal(page.text("title"), "Query 12 · rollout");
  assert.deepEqual([page.part("depth").hidden, pressed()], [true, ["rollout"]]);
  await page.pressWord(4);
  assert.deepEqual(pressed(), []);
  await button("attention").click();
  page.draw();
  assert.match(page.text("title"), /^Query 12/);
  assert.deepEqual([page.part("depth").hidden, pressed()], [false, ["attention"]]);
});

test("the map on screen is named to the server when it is tested", async () => {
  const page = openExplorer();
  await page.choose("layer", 1);
  await page.press("test");
  await page.pressWord(4);
  await page.press("test");
  const seen = { signal: "attention", layer: 1, head: -1, query: 12 };
  assert.deepEqual(page.sent, [
    ["test", seen],
    ["test", { ...seen, text: "text", token: 4 }],
  ]);
});

test("an answer and a finished example cannot be tested", async () => {
  const page = openExplorer();
  assert.equal(page.part("test").disabled, false);
  await page.pressWord(0, 1);
  assert.equal(page.part("test").disabled, true);
  const example = openExplorer({ example: true });
  const disabled = ["test", "npz", "json", "ask-again"].map((name) => example.part(name).disabled);
  assert.deepEqual(disabled, [true, true, true, true]);
  await example.press("mask-peak");
  assert.equal(example.part("ask-again").disabled, true);
  assert.deepEqual([page.part("npz").disabled, page.part("json").disabled], [false, false]);
});

test("numbers are asked for by their format", async () => {
  const page = openExplorer();
  await page.press("npz");
  await page.press("json");
  assert.deepEqual(page.sent, [
    ["export", { kind: "npz" }],
    ["export", { kind: "json" }],
  ]);
});

test("the strongest tenth of the patches is hidden, and sent in order", async () => {
  const page = openExplorer();
  const part = page.part;
  assert.deepEqual([part("masked").hidden, part("ask-again").disabled], [true, true]);
  await page.press("masking");
  assert.equal(part("masking").getAttribute("aria-pressed"), "true");
  assert.deepEqual([part("masked").hidden, part("unmask").disabled], [false, true]);
  assert.equal(part("image").classList.contains("maskable"), true);
  await page.press("mask-peak");
  const { map } = deriveView(realStack(), viewOf({ query: 12 }));
  const limit = [...map].sort((a, b) => b - a)[5];
  const expected = [...map.keys()].filter((patch) => map[patch] >= limit);
  assert.equal(expected.length, 6);
  assert.deepEqual([part("unmask").disabled, part("ask-again").disabled], [false, false]);
  await page.press("ask-again");
  assert.deepEqual(page.sent, [["mask", { patches: expected }]]);
  await page.press("mask-peak");
  assert.match(page.text("mask-description"), /^6 patches hidden/);
  await page.press("unmask");
  assert.match(page.text("mask-description"), /^Press or drag/);
  assert.equal(part("ask-again").disabled, true);
  await page.press("mask-peak");
  await page.press("masking");
  assert.equal(part("masked").hidden, true);
  await page.press("masking");
  assert.match(page.text("mask-description"), /^Press or drag/);
});

test("masks are added to those there are", async () => {
  const page = openExplorer();
  await page.press("mask-peak");
  await page.pressQuery(3);
  await page.press("mask-peak");
  const count = Number(page.text("mask-description").match(/^(\d+) patches/)[1]);
  assert.ok(count > 6 && count <= 12);
});
