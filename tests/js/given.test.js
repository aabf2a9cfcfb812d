import assert from "node:assert/strict";
import { test } from "node:test";
import { listenToGiven, typedTexts } from "../../app/workbench/capfilt_tab/given.js";
import { openPage } from "./fake_page.js";

const card = (key, words = "") =>
  `<article data-key="${key}" data-words="${words}"><textarea></textarea></article>`;

function open(...keys) {
  const element = openPage(keys.map((key) => card(key)).join(""));
  const page = { element, events: [] };
  listenToGiven(
    element,
    (name, data) => page.events.push([name, data]),
    (_, listener) => {
      page.redrawn = listener;
    },
  );
  return page;
}

const boxes = ({ element }) => element.querySelectorAll("textarea");
const shown = (page) => boxes(page).map(({ value }) => value);

async function type(page, place, words) {
  boxes(page)[place].value = words;
  await boxes(page)[place].send("input");
}

/** What Gradio does with a new list: the same elements, with the attributes of other images. */
function relabel(page, ...keys) {
  const cards = page.element.querySelectorAll("[data-key]");
  cards.forEach((one, place) => {
    if (keys[place]) one.setAttribute("data-key", keys[place]);
    else one.remove();
  });
  page.redrawn();
}

test("what is typed stays beside its image, whatever the list becomes", async () => {
  const page = open("a", "b", "c");
  await type(page, 0, "about a");
  await type(page, 2, "about c");
  relabel(page, "b", "c");
  assert.deepEqual(shown(page), ["", "about c"]);
  relabel(page, "c", "a");
  assert.deepEqual(shown(page), ["about c", "about a"]);
  assert.deepEqual(JSON.parse(typedTexts(page.element)), [
    { key: "c", words: "about c" },
    { key: "a", words: "about a" },
  ]);
});

test("what the server remembers of an image stands in its box until it is changed", async () => {
  const page = open("a", "b");
  page.element.querySelector("[data-key]").setAttribute("data-words", "before");
  page.redrawn();
  assert.deepEqual(shown(page), ["before", ""]);
  await type(page, 0, "");
  page.redrawn();
  assert.deepEqual(shown(page), ["", ""]);
});

test("a text is told when its box is left, and where there is none nothing is", async () => {
  const page = open("a");
  await type(page, 0, "about a");
  assert.deepEqual(page.events, []);
  await boxes(page)[0].send("change");
  await page.element.send("change");
  assert.deepEqual(page.events, [["input", { key: "a", words: "about a" }]]);
});

test("without images there is nothing to send", () => {
  assert.equal(typedTexts(null), "[]");
  assert.equal(typedTexts(openPage("")), "[]");
});
