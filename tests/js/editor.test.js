import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import startEditor from "../../app/curator/editor/editor.js";
import { openPage } from "./fake_page.js";

const MARKUP = '<label></label><textarea></textarea><button class="save">Save</button>';
const DATA = { item: 7, caption: 2, text: "a dog", label: "Caption", focus: true };

let root;
let box;
let sent;

beforeEach((t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  root = openPage(MARKUP);
  box = root.querySelector("textarea");
  sent = [];
  show();
});

function show(changes = {}) {
  startEditor({
    parentElement: root,
    data: { ...DATA, ...changes },
    setStateValue: (name, value) => sent.push([name, value]),
    setTriggerValue: (name, value) => sent.push([name, value]),
  });
}

function type(text) {
  box.value = text;
  return box.send("input");
}

const typed = (text, place = {}) => ({ item: 7, caption: 2, text, ...place });

test("the box has the text, its label, and the cursor at its end", () => {
  assert.equal(root.querySelector("label").textContent, "Caption");
  assert.deepEqual([box.value, box.selectionStart, box.selectionEnd], ["a dog", 5, 5]);
  assert.equal(document.activeElement, box);
});

test("a draft goes out half a second after the last key, and once", async (t) => {
  await type("a big");
  t.mock.timers.tick(499);
  await type("a big dog");
  t.mock.timers.tick(499);
  assert.deepEqual(sent, []);
  t.mock.timers.tick(1);
  assert.deepEqual(sent, [["draft", typed("a big dog")]]);
  t.mock.timers.tick(5000);
  assert.equal(sent.length, 1);
});

test("a save names its item and its text, and no draft follows", async (t) => {
  await type("a big dog");
  await root.querySelector(".save").click();
  t.mock.timers.tick(5000);
  await box.send("blur");
  assert.deepEqual(sent, [["save", typed("a big dog")]]);
});

test("Ctrl+Enter and Command+Enter save; Enter alone does not", async () => {
  assert.equal((await box.send("keydown", { key: "Enter" })).defaultPrevented, false);
  assert.deepEqual(sent, []);
  for (const held of [{ ctrlKey: true }, { metaKey: true }]) {
    const event = await box.send("keydown", { key: "Enter", ...held });
    assert.deepEqual([event.defaultPrevented, event.stopped], [true, true]);
  }
  assert.deepEqual(sent, [
    ["save", typed("a dog")],
    ["save", typed("a dog")],
  ]);
  await box.send("keydown", { key: "a", ctrlKey: true });
  assert.equal(sent.length, 2);
});

test("Escape sends the draft at once and leaves the box", async (t) => {
  await type("a cat");
  const event = await box.send("keydown", { key: "Escape" });
  assert.equal(event.stopped, true);
  assert.deepEqual(sent, [["draft", typed("a cat")]]);
  assert.equal(document.activeElement, null);
  t.mock.timers.tick(5000);
  assert.equal(sent.length, 1);
});

test("leaving the box sends what waits, and nothing where nothing waits", async (t) => {
  await box.send("blur");
  assert.deepEqual(sent, []);
  await type("a cat");
  await box.send("blur");
  assert.deepEqual(sent, [["draft", typed("a cat")]]);
  t.mock.timers.tick(5000);
  await box.send("blur");
  assert.equal(sent.length, 1);
});

test("the same place keeps what is typed; another fills the box anew", async () => {
  await type("a cat");
  show({ text: "from the server" });
  assert.equal(box.value, "a cat");
  show({ caption: 3, text: "a bus", focus: false });
  assert.equal(box.value, "a bus");
  await type("a red bus");
  show({ item: 8, caption: 3, text: "a car" });
  assert.equal(box.value, "a car");
});

test("a draft of one place is never sent for another", async (t) => {
  await type("a cat");
  show({ item: 8, text: "a bus" });
  await box.send("blur");
  t.mock.timers.tick(5000);
  assert.deepEqual(sent, []);
  await type("a red bus");
  t.mock.timers.tick(500);
  assert.deepEqual(sent, [["draft", typed("a red bus", { item: 8 })]]);
  await root.querySelector(".save").click();
  assert.deepEqual(sent[1], ["save", typed("a red bus", { item: 8 })]);
});

test("the box takes the focus only where it is told to", () => {
  document.activeElement = null;
  show({ item: 9, focus: false });
  assert.equal(document.activeElement, null);
});

test("what the focus brings along becomes a draft", async (t) => {
  const focus = box.focus.bind(box);
  box.focus = (options) => {
    focus(options);
    box.value += " ahead";
    box.send("input");
  };
  document.activeElement = null;
  box.oninput = null; // as in a box that was just drawn
  show({ item: 9 });
  t.mock.timers.tick(500);
  assert.deepEqual(sent, [["draft", typed("a dog ahead", { item: 9 })]]);
});
