import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { cleanCopies } from "../../app/workbench/copies.js";
import { openPage } from "./fake_page.js";

const TYPED = "is a <b> & c";
const SHOWN = "is a <\u2060b> &\u2060 c";
let root;
let written;

beforeEach(() => {
  root = openPage("<p>Text</p><textarea></textarea>");
  written = [];
  const clipboard = { writeText: async (text) => written.push(text) };
  Object.defineProperty(globalThis, "navigator", { value: { clipboard }, configurable: true });
  cleanCopies();
});

/** Copies what is selected; what the page put on the clipboard itself, if anything. */
async function copy(selected) {
  const data = {};
  const clipboardData = { setData: (kind, text) => (data[kind] = text) };
  document.getSelection = () => ({ toString: () => selected });
  const event = await root.querySelector("p").send("copy", { clipboardData });
  assert.equal(event.defaultPrevented, "text/plain" in data);
  return data["text/plain"];
}

test("what is selected is copied without invisible signs", async () => {
  assert.equal(await copy(SHOWN), TYPED);
});

test("what has none is copied by the browser itself, with its form", async () => {
  assert.equal(await copy(TYPED), undefined);
});

test("of a box, what is selected in it is copied", async () => {
  const box = root.querySelector("textarea");
  Object.assign(box, { value: `x${SHOWN}y`, selectionStart: 1, selectionEnd: 1 + SHOWN.length });
  document.activeElement = box;
  assert.equal(await copy("something else"), TYPED);
});

test("buttons that copy do so without them, too", async () => {
  await navigator.clipboard.writeText(SHOWN);
  assert.deepEqual(written, [TYPED]);
});

test("a page without encryption has no clipboard, and goes on", () => {
  Object.defineProperty(globalThis, "navigator", { value: {}, configurable: true });
  assert.doesNotThrow(() => cleanCopies());
});
