import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import listenToKeys from "../../app/curator/keys.js";

let pressed; // what the help was told
let dialog; // the help, where it is open
let stop;
let listeners;
let editor; // the box of the editor, where it is open
let canEdit; // whether the button that opens it is there and enabled
let now;

/** A target of events that knows its listeners by phase. */
function target(name, more = {}) {
  const place = (type, { capture = false } = {}) => `${name} ${type}${capture ? ", capture" : ""}`;
  return {
    addEventListener: (type, listener, options) => {
      listeners[place(type, options)] = listener;
    },
    removeEventListener: (type, listener, options) => {
      if (listeners[place(type, options)] === listener) delete listeners[place(type, options)];
    },
    ...more,
  };
}

beforeEach((t) => {
  [pressed, dialog, listeners, editor, canEdit, now] = [[], null, {}, null, false, 0];
  t.mock.method(Date, "now", () => now);
  globalThis.document = target("document", {
    querySelector: (selector) => {
      if (selector === "[role=dialog]") return dialog;
      return selector.includes("st-key-key-E-") && canEdit ? {} : null;
    },
    getElementById: (id) => (id === "caption-editor" ? editor : null),
  });
  globalThis.Event = class {
    constructor(type) {
      this.type = type;
    }
  };
  globalThis.window = target("window");
  stop = listenToKeys({ setTriggerValue: (name, value) => pressed.push([name, value]) });
});

/** Presses a key, in a text box or elsewhere, as the browser would; returns whether it went on. */
function press(key, { repeat = false, inBox = false, ctrlKey = false } = {}) {
  const closest = (selector) => (inBox && selector.includes("textarea") ? {} : null);
  const event = { key, repeat, ctrlKey, target: { closest }, stopped: false };
  event.preventDefault = () => {
    event.prevented = true;
  };
  event.stopImmediatePropagation = () => {
    event.stopped = true;
  };
  listeners["window keydown, capture"](event);
  if (!event.stopped) listeners["document keydown"](event);
  return !event.stopped;
}

test("a question mark opens the help, unless it is typed", () => {
  press("?", { inBox: true });
  press("a");
  assert.deepEqual(pressed, []);
  press("?");
  assert.deepEqual(pressed, [["pressed", true]]);
});

test("the button of the header opens the help, a click elsewhere does not", () => {
  listeners["document click"]({ target: { closest: () => null } });
  listeners["document click"]({ target: {} });
  assert.deepEqual(pressed, []);
  listeners["document click"]({ target: { closest: (one) => (one === ".show-keys" ? {} : null) } });
  assert.deepEqual(pressed, [["pressed", true]]);
});

test("a key that is held down counts once, but in a text box it repeats", () => {
  assert.equal(press("a"), true);
  assert.equal(press("a", { repeat: true }), false);
  assert.equal(press("a", { repeat: true, inBox: true }), true);
  assert.equal(press("ArrowRight", { repeat: true }), true);
});

test("while the help is open, no letter and no arrow reaches the page", () => {
  dialog = {};
  for (const key of ["a", "?", "1", "ArrowLeft"]) assert.equal(press(key), false, key);
  for (const key of ["Escape", "Tab", "Enter"]) assert.equal(press(key), true, key);
  assert.equal(press("a", { inBox: true }), true);
  assert.deepEqual(pressed, []);
});

test("an event on the document itself, which is in no element, counts", () => {
  listeners["document keydown"]({ key: "?", target: {} });
  listeners["window keydown, capture"]({ key: "a", target: {} });
  assert.deepEqual(pressed, [["pressed", true]]);
});

test("when the page goes, nothing listens any more", () => {
  assert.deepEqual(Object.keys(listeners), [
    "document keydown",
    "document click",
    "document focusin",
    "window keydown, capture",
  ]);
  stop();
  assert.deepEqual(listeners, {});
});

/** The editor opens, as some time after E, and takes the focus; returns what it then holds. */
function openEditor(text = "a dog") {
  const told = [];
  editor = { id: "caption-editor", value: text, dispatchEvent: (event) => told.push(event.type) };
  editor.focus = () => listeners["document focusin"]({ target: editor });
  editor.focus();
  return [editor.value, told];
}

test("what is typed after E is no key: the editor has it when it comes", () => {
  canEdit = true;
  assert.equal(press("e"), true, "E itself is Streamlit's");
  for (const key of [" ", "a", "x", "?", "1"]) assert.equal(press(key), false, key);
  assert.deepEqual(pressed, []);
  assert.deepEqual(openEditor(), ["a dog ax?1", ["input"]]);
  editor = null;
  assert.equal(press("a"), true, "then letters are keys again");
});

test("Backspace takes back, a held key counts once, Control is no letter", () => {
  canEdit = true;
  press("e");
  press("e", { repeat: true });
  press("n");
  press("m");
  assert.equal(press("Backspace"), false);
  assert.equal(press("Enter"), true);
  assert.equal(press("c", { ctrlKey: true }), true);
  assert.deepEqual(openEditor("a "), ["a n", ["input"]]);
});

test("nothing typed leaves the text as it is", () => {
  canEdit = true;
  press("e");
  assert.deepEqual(openEditor(), ["a dog", []]);
});

test("Escape, or an editor that does not come, gives the keys back", () => {
  canEdit = true;
  press("e");
  press("n");
  assert.equal(press("Escape"), true);
  assert.equal(press("a"), true);
  press("e");
  press("n");
  now += 10000;
  assert.equal(press("a"), true);
  assert.deepEqual(openEditor(), ["a dog", []]);
});

test("where nothing can be edited, or with Control, E is a key like others", () => {
  press("e");
  assert.equal(press("a"), true);
  canEdit = true;
  press("e", { ctrlKey: true });
  assert.equal(press("a"), true);
  dialog = {};
  assert.equal(press("e"), false);
  dialog = null;
  assert.equal(press("a"), true);
});

test("E goes back to an editor that is open", () => {
  canEdit = true;
  let focused = 0;
  editor = { focus: () => focused++ };
  assert.equal(press("e"), false, "and is not typed there");
  assert.equal(focused, 1);
  assert.equal(press("e", { inBox: true }), true);
  assert.equal(focused, 1);
});

test("another box that takes the focus gets nothing", () => {
  canEdit = true;
  press("e");
  press("n");
  listeners["document focusin"]({ target: { id: "search", value: "" } });
  assert.deepEqual(openEditor(), ["a dogn", ["input"]]);
});
