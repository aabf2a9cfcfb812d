import assert from "node:assert/strict";
import { test } from "node:test";
import { openExplorer } from "./explorer_page.js";
import { FakeElement } from "./fake_page.js";

const number = (page) => Number(page.text("title").match(/^Query (\d+)/)[1]);

test("left and right go through the queries in their order, round and round", async () => {
  const page = openExplorer();
  await page.pressQuery(15);
  const event = await page.key("ArrowRight");
  assert.equal(number(page), 0);
  assert.deepEqual([event.defaultPrevented, event.stopped], [true, true]);
  await page.key("ArrowLeft");
  assert.equal(number(page), 15);
  await page.key("ArrowLeft");
  assert.equal(number(page), 14);
  await page.choose("sort", "cosine");
  await page.pressQuery(12);
  await page.key("ArrowRight");
  assert.equal(number(page), 9);
});

test("up and down go through the layers, the mean after the last", async () => {
  const page = openExplorer();
  const titles = [];
  for (const key of ["ArrowDown", "ArrowDown", "ArrowDown", "ArrowUp", "ArrowUp", "ArrowUp"]) {
    await page.key(key);
    titles.push(page.text("title").match(/(layer \d|mean of all layers)/)[1]);
  }
  const [mean, first, last] = ["mean of all layers", "layer 0", "layer 2"];
  assert.deepEqual(titles, [first, last, mean, last, first, mean]);
});

test("in the matrix, left and right go through the heads", async () => {
  const page = openExplorer();
  const cell = page.part("matrix").querySelector('[data-layer="0"][data-head="1"]');
  await cell.click();
  page.draw();
  assert.equal(page.text("title"), "Query 12 · layer 0, head 1");
  await page.key("ArrowRight", {}, cell);
  assert.match(page.text("title"), /layer 0, head 2$/);
  await page.key("ArrowRight", {}, cell);
  await page.key("ArrowRight", {}, cell);
  assert.match(page.text("title"), /layer 0, mean of all heads$/);
});

test("among the words, left and right go through them, all words after the last", async () => {
  const page = openExplorer();
  const words = page.part("texts").querySelectorAll('[data-text="0"]');
  await page.key("ArrowRight", {}, words[3]);
  assert.equal(page.text("title"), "The text · “a”, word 1");
  await page.key("ArrowRight", {}, words[3]);
  assert.equal(page.text("title"), "The text · “picture”, word 2");
  await page.key("ArrowLeft", {}, words[3]);
  await page.key("ArrowLeft", {}, words[3]);
  assert.equal(page.text("title"), "The text · all words");
  await page.key("ArrowLeft", {}, words[3]);
  assert.equal(page.text("title"), "The text · “city”, word 12");
  const answer = page.part("texts").querySelector('[data-text="1"]');
  await page.key("ArrowRight", {}, answer);
  assert.equal(page.text("title"), "What the model wrote · “yellow”, word 1");
});

test("letters: one head or the mean, raw patches; capitals without Shift too", async () => {
  const page = openExplorer();
  await page.key("h");
  assert.match(page.text("title"), /head 0$/);
  await page.key("H");
  assert.match(page.text("title"), /mean of all heads$/);
  await page.key("p");
  assert.equal(page.part("raw").checked, true);
  await page.key("c");
  assert.equal(page.part("compare").hidden, false);
  await page.key("P", { shiftKey: true });
  assert.equal(page.part("raw").checked, true);
});

test("keys that mean something else are left alone", async () => {
  const page = openExplorer();
  const title = page.text("title");
  for (const held of ["ctrlKey", "metaKey", "altKey"]) {
    const event = await page.key("ArrowRight", { [held]: true });
    assert.equal(event.defaultPrevented, false);
  }
  assert.equal((await page.key("x")).defaultPrevented, false);
  assert.equal((await page.key("Enter")).defaultPrevented, false);
  for (const name of ["opacity", "layer"]) await page.key("ArrowRight", {}, page.part(name));
  const box = new FakeElement("textarea");
  page.part("root").append(box);
  await page.key("ArrowRight", {}, box);
  assert.equal(page.text("title"), title);
  await page.key("ArrowRight", {}, page.part("raw"));
  assert.notEqual(page.text("title"), title);
});

test("nothing is done where there is no stack", async () => {
  const page = openExplorer();
  page.explorer.show(null);
  assert.equal((await page.key("ArrowRight")).defaultPrevented, false);
});

test("Shift and arrows move over the patches, Space and Enter hide them", async () => {
  const page = openExplorer();
  const image = page.part("image");
  const places = [];
  const move = async (key) => {
    await page.key(key, { shiftKey: true }, image);
    places.push(
      page
        .text("patch")
        .match(/^Row (\d+), column (\d+)/)
        .slice(1)
        .map(Number),
    );
  };
  await move("ArrowRight");
  await move("ArrowRight");
  await move("ArrowDown");
  await move("ArrowLeft");
  await move("ArrowLeft");
  await move("ArrowUp");
  await move("ArrowUp");
  assert.deepEqual(places, [
    [1, 1],
    [1, 2],
    [2, 2],
    [2, 1],
    [2, 8],
    [1, 8],
    [8, 8],
  ]);
  await page.key(" ", {}, image);
  assert.match(page.text("mask-description"), /^Press or drag/);
  await page.press("masking");
  await page.key(" ", {}, image);
  assert.match(page.text("mask-description"), /^1 patch hidden/);
  await page.press("ask-again");
  assert.deepEqual(page.sent, [["mask", { patches: [63] }]]);
  await page.key("Enter", {}, image);
  assert.match(page.text("mask-description"), /^Press or drag/);
  await page.key("ArrowRight", {}, image);
  assert.equal(number(page), 13);
});
