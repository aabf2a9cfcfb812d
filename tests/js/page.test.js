import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { listenToPage } from "../../app/workbench/keys.js";
import { FakeElement, openPage } from "./fake_page.js";

const MARKUP =
  '<div id="question"><textarea></textarea><button class="stop-button">Stop</button></div>' +
  '<div id="image"><input type="file"></div><button class="stop">Stop</button>' +
  '<div id="suggestions"><button>What is it?</button></div><div id="chat"></div><p>Text</p>';

let root;
let stored;
let files;

let look; // what the page does at every interval
let waits;

beforeEach((t) => {
  waits = null;
  t.mock.method(globalThis, "setInterval", (listener, milliseconds) => {
    look = () => waits && listener();
    waits = milliseconds;
    return 7;
  });
  t.mock.method(globalThis, "clearInterval", (number) => {
    if (number === 7) waits = null;
  });
  root = openPage(MARKUP);
  stored = {};
  files = [];
  globalThis.sessionStorage = {
    getItem: (name) => stored[name] ?? null,
    setItem: (name, value) => {
      stored[name] = value;
    },
  };
  globalThis.DataTransfer = class {
    items = { add: (file) => files.push(file) };
    get files() {
      return files;
    }
  };
});

const box = () => root.querySelector("textarea");
const text = () => root.querySelector("p");
const image = { name: "a.png", type: "image/png" };
const note = { name: "a.txt", type: "text/plain" };

test("a slash puts the cursor into the question, unless something is typed", async () => {
  listenToPage();
  const event = await text().send("keydown", { key: "/" });
  assert.equal(event.defaultPrevented, true);
  assert.equal(document.activeElement, box());
  document.activeElement = null;
  for (const held of ["ctrlKey", "metaKey", "altKey"]) {
    await text().send("keydown", { key: "/", [held]: true });
  }
  await box().send("keydown", { key: "/" });
  await text().send("keydown", { key: "x" });
  assert.equal(document.activeElement, null);
});

test("Escape presses the stop buttons that can be seen", async () => {
  const stopped = [];
  const [first, second] = root.querySelectorAll(".stop-button, .stop");
  first.onclick = () => stopped.push("question");
  second.onclick = () => stopped.push("other");
  first.hidden = true;
  listenToPage();
  await text().send("keydown", { key: "Escape" });
  assert.deepEqual(stopped, ["other"]);
  await text().send("keydown", { key: "Enter" });
  assert.equal(stopped.length, 1);
});

test("the first image that is pasted or dropped is uploaded", async () => {
  const changes = [];
  const input = root.querySelector("input");
  input.onchange = () => changes.push(input.files.map(({ name }) => name));
  listenToPage();
  const pasted = await text().send("paste", { clipboardData: { files: [note, image] } });
  assert.equal(pasted.defaultPrevented, true);
  const other = await text().send("paste", { clipboardData: { files: [note] } });
  assert.equal(other.defaultPrevented, false);
  assert.equal((await text().send("paste")).defaultPrevented, false);
  files = [];
  const dropped = await text().send("drop", { dataTransfer: { files: [image] } });
  assert.equal(dropped.defaultPrevented, true);
  assert.deepEqual(changes, [["a.png"], ["a.png"]]);
});

test("what a field took itself, and what has no file, is left alone", async () => {
  listenToPage();
  await text().send("drop", { dataTransfer: { files: [image] }, defaultPrevented: true });
  const words = await text().send("drop", { dataTransfer: { files: [] } });
  assert.equal(words.defaultPrevented, false);
  assert.deepEqual(files, []);
  const over = (types) => text().send("dragover", { dataTransfer: { types } });
  assert.equal((await over(["Files"])).defaultPrevented, true);
  assert.equal((await over(["text/plain"])).defaultPrevented, false);
});

test("without a place for images, nothing is taken", async () => {
  root.querySelector("input").remove();
  listenToPage();
  const event = await text().send("paste", { clipboardData: { files: [image] } });
  assert.deepEqual([event.defaultPrevented, files], [false, []]);
});

test("a page with questions on it is not left by accident", async () => {
  listenToPage();
  const leave = async () => (await window.send("beforeunload")).defaultPrevented;
  await text().click();
  await root.querySelector("input").send("input");
  const message = new FakeElement("div");
  message.setAttribute("data-testid", "user");
  root.querySelector("#chat").append(message);
  assert.equal(await leave(), false);
  await box().send("input");
  assert.equal(await leave(), true);
  message.remove();
  assert.equal(await leave(), false);
});

test("a suggestion counts as a question too", async () => {
  listenToPage();
  const message = new FakeElement("div");
  message.setAttribute("data-testid", "user");
  root.querySelector("#chat").append(message);
  await root.querySelector("#suggestions button").click();
  assert.equal((await window.send("beforeunload")).defaultPrevented, true);
});

test("a question that was being typed is there again once its box is drawn", async () => {
  stored.draft = "What is";
  const question = box();
  question.remove();
  const events = [];
  question.oninput = () => events.push(question.value);
  listenToPage();
  look();
  assert.deepEqual([question.value, waits], ["", 100]);
  root.querySelector("#question").append(question);
  look();
  assert.deepEqual([question.value, events], ["What is", ["What is"]]);
  assert.equal(waits, null);
});

test("what is typed already is not replaced, and is kept when the page goes", async () => {
  stored.draft = "What is";
  box().value = "Where";
  listenToPage();
  look();
  assert.equal(box().value, "Where");
  await window.send("pagehide");
  assert.equal(stored.draft, "Where");
  box().remove();
  stored.draft = "kept";
  await window.send("pagehide");
  assert.equal(stored.draft, "kept");
});

test("a question mark, or the button, shows the keys of the open tab; in a text it is typed", async () => {
  root = openPage(`${MARKUP}<button class="show-keys">?</button>
    <div id="tabs"><button role="tab" aria-selected="true">Look inside</button></div>`);
  const shown = [];
  const made = document.createElement;
  document.createElement = (tag) => {
    const one = made(tag);
    if (tag === "dialog") one.showModal = () => shown.push(one.textContent);
    return one;
  };
  listenToPage();
  await box().send("keydown", { key: "?" });
  await text().send("keydown", { key: "?", ctrlKey: true });
  assert.deepEqual(shown, []);
  await text().send("keydown", { key: "?" });
  assert.equal(shown.length, 1);
  assert.match(shown[0], /^Keys of Look inside.*\?show these keys.*Hone head/s);
  assert.doesNotMatch(shown[0], /ask the question/);
  await text().send("keydown", { key: "?" });
  assert.equal(shown.length, 1, "it is open already");
  root.querySelector(".keys-help").remove();
  await root.querySelector(".show-keys").send("click");
  assert.equal(shown.length, 2);
});

test("Escape that closes the keys stops nothing", async () => {
  root = openPage(`${MARKUP}<dialog class="keys-help"></dialog>`);
  let stopped = 0;
  for (const stop of root.querySelectorAll("button")) {
    stop.checkVisibility = () => true;
    stop.click = () => stopped++;
  }
  listenToPage();
  await text().send("keydown", { key: "Escape" });
  assert.equal(stopped, 0);
});
