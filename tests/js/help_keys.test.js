import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import listenToKeys from "../../app/curator/keys.js";

let pressed; // what the help was told
let dialog; // the help, where it is open
let stop;
let listeners;

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

beforeEach(() => {
  [pressed, dialog, listeners] = [[], null, {}];
  globalThis.document = target("document", {
    querySelector: (selector) => (selector === "[role=dialog]" ? dialog : null),
  });
  globalThis.window = target("window");
  stop = listenToKeys({ setTriggerValue: (name, value) => pressed.push([name, value]) });
});

/** Presses a key, in a text box or elsewhere, as the browser would; returns whether it went on. */
function press(key, { repeat = false, inBox = false } = {}) {
  const closest = (selector) => (inBox && selector.includes("textarea") ? {} : null);
  const event = { key, repeat, target: { closest }, stopped: false };
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
  assert.deepEqual(Object.keys(listeners), ["document keydown", "window keydown, capture"]);
  stop();
  assert.deepEqual(listeners, {});
});
