import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { listenToPairs } from "../../app/workbench/capfilt_tab/pairs.js";
import { openPage } from "./fake_page.js";

const text = (number, words) =>
  `<li data-text="${number}"><p class="words"><span>${words}</span></p><p class="actions">` +
  '<button data-act="decide" data-verdict="accepted">Accept</button>' +
  '<button data-act="decide" data-verdict="rejected">Reject</button>' +
  '<button data-act="edit">Edit</button><button data-act="why">Why?</button></p></li>';
const PAIRS =
  `<div id="pairs"><div data-run="r1"><article data-card="3">${text(0, "a dog")}` +
  `${text(1, "a cat")}</article><article data-card="5">${text(0, "a bus")}</article></div></div>` +
  '<button id="accept-kept"></button><button id="elsewhere"></button>';

let element;
let events;
let redrawn;

const held = new Map();
globalThis.sessionStorage = {
  getItem: (name) => held.get(name) ?? null,
  setItem: (name, value) => held.set(name, value),
};

beforeEach(() => {
  held.clear();
  open();
});

function open() {
  element = openPage(PAIRS).querySelector("#pairs");
  events = [];
  listenToPairs(
    element,
    (name, data) => events.push([name, data]),
    (_, listener) => {
      redrawn = listener;
    },
  );
}

const press = (card, number, act) =>
  element.querySelector(`[data-card="${card}"] [data-text="${number}"] ${act}`).click();
const editors = () => element.querySelectorAll("textarea");

async function write(words) {
  const [box] = editors();
  box.value = words;
  box.selectionStart = 2;
  await box.send("input");
  return box;
}

test("a verdict is sent with its image and text", async () => {
  await press(3, 1, '[data-verdict="rejected"]');
  await press(5, 0, '[data-verdict="accepted"]');
  await press(3, 0, "[data-act=why]");
  const accept = element.querySelector('[data-card="5"] [data-text="0"] [data-verdict="accepted"]');
  accept.setAttribute("aria-pressed", "true");
  await accept.click();
  assert.deepEqual(events, [
    ["decide", { run: "r1", card: 3, text: 1, verdict: "rejected" }],
    ["decide", { run: "r1", card: 5, text: 0, verdict: "accepted" }],
    ["why", { run: "r1", card: 3, text: 0 }],
    ["decide", { run: "r1", card: 5, text: 0, verdict: "" }],
  ]);
});

test("a press beside the buttons does nothing", async () => {
  await element.querySelector("span").click();
  assert.deepEqual(events, []);
});

test("an editor opens with the words, the cursor at their end", async () => {
  await press(3, 1, "[data-act=edit]");
  const [box] = editors();
  assert.equal(box.value, "a cat");
  assert.deepEqual([box.selectionStart, box.selectionEnd, box.maxLength], [5, 5, 1000]);
  assert.equal(document.activeElement, box);
  assert.equal(box.getAttribute("aria-label"), "The edited text");
  assert.equal(box.closest("[data-text]").dataset.text, "1");
});

test("what is written is sent by the button or Ctrl+Enter, once", async () => {
  await press(3, 1, "[data-act=edit]");
  await write("a small cat");
  await press(3, 1, "[data-act=save]");
  assert.deepEqual(editors(), []);
  assert.equal(element.querySelector("[data-act=save]"), null);
  await press(5, 0, "[data-act=edit]");
  const box = await write("a red bus");
  await box.send("keydown", { key: "Enter" });
  assert.equal(events.length, 1);
  await box.send("keydown", { key: "Enter", ctrlKey: true });
  await press(5, 0, "[data-act=edit]");
  await (await write("a bus again")).send("keydown", { key: "Enter", metaKey: true });
  assert.deepEqual(events, [
    ["edit", { run: "r1", card: 3, text: 1, words: "a small cat" }],
    ["edit", { run: "r1", card: 5, text: 0, words: "a red bus" }],
    ["edit", { run: "r1", card: 5, text: 0, words: "a bus again" }],
  ]);
});

test("no words are not sent", async () => {
  await press(3, 1, "[data-act=edit]");
  await write("   ");
  await press(3, 1, "[data-act=save]");
  assert.deepEqual(events, []);
});

test("Escape and Cancel leave the text as it was, and go back to the button", async () => {
  await press(3, 1, "[data-act=edit]");
  const event = await (await write("other")).send("keydown", { key: "Escape" });
  assert.equal(event.stopped, true);
  assert.deepEqual(editors(), []);
  assert.equal(document.activeElement.dataset.act, "edit");
  assert.equal(document.activeElement.closest("[data-text]").dataset.text, "1");
  await press(3, 0, "[data-act=edit]");
  await press(3, 0, "[data-act=cancel]");
  assert.deepEqual(editors(), []);
  assert.equal(document.activeElement.closest("[data-text]").dataset.text, "0");
  assert.deepEqual(events, []);
});

test("one editor is open at a time", async () => {
  await press(3, 0, "[data-act=edit]");
  await press(5, 0, "[data-act=edit]");
  assert.equal(editors().length, 1);
  assert.equal(editors()[0].value, "a bus");
});

test("an edit survives a new drawing, with its cursor", async () => {
  await press(3, 1, "[data-act=edit]");
  await write("a small cat");
  redrawn();
  const [box, ...others] = editors();
  assert.equal(others.length, 0);
  assert.deepEqual([box.value, box.selectionStart, box.selectionEnd], ["a small cat", 2, 2]);
  assert.equal(element.querySelectorAll("[data-act=save]").length, 1);
});

test("a new drawing takes the focus back to the editor, and from no other control", async () => {
  await press(3, 1, "[data-act=edit]");
  redrawn();
  assert.equal(document.activeElement, editors()[0]);
  document.activeElement = null; // as where the browser removed what had the focus
  redrawn();
  assert.equal(document.activeElement, editors()[0]);
  const threshold = { parentElement: null };
  document.activeElement = threshold;
  redrawn();
  assert.equal(document.activeElement, threshold);
  assert.equal(editors().length, 1);
});

test("an edit that is open is asked about by what would pass over it", async () => {
  const question = () => element.querySelector(".open-edit")?.textContent;
  await press(3, 1, "[data-act=edit]");
  const calm = await document.querySelector("#accept-kept").click();
  assert.deepEqual([calm.defaultPrevented, question()], [false, undefined]); // nothing was changed
  await write("a small cat");
  const asked = "This edit is open. Score it or cancel it first.";
  for (const pressed of [
    () => document.querySelector("#accept-kept").click(),
    () => press(3, 1, '[data-verdict="accepted"]'),
    () => press(5, 0, "[data-act=edit]"),
  ]) {
    element.querySelector(".open-edit")?.remove();
    document.activeElement = null;
    const event = await pressed();
    assert.deepEqual([question(), events], [asked, []]);
    assert.equal(document.activeElement, editors()[0]);
    if (event.target.getAttribute("id")) assert.equal(event.defaultPrevented, true);
  }
  assert.equal((await document.querySelector("#elsewhere").click()).defaultPrevented, false);
  await press(5, 0, '[data-verdict="accepted"]'); // another text: the edit stays open
  assert.equal(events.length, 1);
  assert.deepEqual(
    editors().map((box) => box.value),
    ["a small cat"],
  );
  await press(3, 1, "[data-act=cancel]");
  assert.equal(question(), undefined);
  assert.equal((await document.querySelector("#accept-kept").click()).defaultPrevented, false);
});

test("an open edit is there again after a reload, and not in another run", async () => {
  await press(3, 1, "[data-act=edit]");
  await write("a small cat");
  open();
  redrawn();
  assert.equal(editors()[0].value, "a small cat");
  assert.equal(editors()[0].closest("[data-text]").dataset.text, "1");
  open();
  element.querySelector("[data-run]").setAttribute("data-run", "r2");
  redrawn();
  assert.deepEqual(editors(), []);
  assert.equal((await document.querySelector("#accept-kept").click()).defaultPrevented, false);
});

test("an editor without its text is removed", async () => {
  await press(3, 1, "[data-act=edit]");
  element.querySelector('[data-card="3"] [data-text="1"]').setAttribute("data-text", "9");
  redrawn();
  assert.deepEqual(editors(), []);
  assert.equal(element.querySelector("[data-act=save]"), null);
});

test("keys and typing elsewhere do nothing", async () => {
  await element.querySelector("button").send("keydown", { key: "Escape" });
  await element.querySelector("button").send("input");
  await press(3, 1, "[data-act=edit]");
  await element.querySelector("button").send("keydown", { key: "Enter", ctrlKey: true });
  assert.deepEqual(events, []);
  assert.equal(editors().length, 1);
});
