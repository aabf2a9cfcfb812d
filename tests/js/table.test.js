import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { listenToTable } from "../../app/workbench/widgets/table.js";
import { openPage } from "./fake_page.js";

const row = (text, score) =>
  `<tr><td class="text" data-order="${text}"><span>${text}</span></td>` +
  `<td class="score"${score === null ? "" : ` data-order="${score}"`}></td>` +
  `<td class="act"><button data-copy>Copy</button><button data-look>Look inside</button>` +
  "<button data-save>Save to dataset</button></td></tr>";
const TABLE =
  '<table><thead><tr><th class="text"><button data-sort>Text</button></th>' +
  '<th class="score" aria-sort="descending"><button data-sort>Score</button></th>' +
  `<th>plain</th></tr></thead><tbody>${row("pear", 10)}${row("apple", 9)}${row("none", null)}` +
  `${row("fig", 0.5)}</tbody></table>`;

let element;
let events;
let changed;

beforeEach(() => {
  element = openPage(TABLE);
  events = [];
  listenToTable(
    element,
    (name, data) => events.push([name, data]),
    (_, listener) => {
      changed = listener;
    },
  );
});

const texts = () => element.querySelectorAll("td.text span").map((span) => span.textContent);
const headings = () => element.querySelectorAll("th");
const sort = (column) => headings()[column].querySelector("button").click();
const states = () => headings().map((heading) => heading.getAttribute("aria-sort"));

test("numbers are sorted as numbers, and falling first", async () => {
  headings()[1].removeAttribute("aria-sort");
  await sort(1);
  assert.deepEqual(texts(), ["pear", "apple", "fig", "none"]);
  assert.deepEqual(states(), [null, "descending", null]);
  await sort(1);
  assert.deepEqual(texts(), ["fig", "apple", "pear", "none"]);
  assert.deepEqual(states(), [null, "ascending", null]);
  await sort(1);
  assert.deepEqual(texts(), ["pear", "apple", "fig", "none"]);
});

test("a column that comes sorted turns round at once", async () => {
  await sort(1);
  assert.deepEqual(states(), [null, "ascending", null]);
});

test("texts are sorted by the alphabet, and rising first", async () => {
  await sort(0);
  assert.deepEqual(texts(), ["apple", "fig", "none", "pear"]);
  assert.deepEqual(states(), ["ascending", null, null]);
  await sort(0);
  assert.deepEqual(texts(), ["pear", "none", "fig", "apple"]);
});

test("the text of a row is looked inside with, or saved", async () => {
  await element.querySelectorAll("[data-look]")[1].click();
  await element.querySelectorAll("[data-save]")[3].click();
  assert.deepEqual(events, [
    ["select", { text: "apple" }],
    ["save", { text: "fig" }],
  ]);
});

test("what has no value comes last, wherever it was", async () => {
  element = openPage(TABLE.replace("<tbody>", `<tbody>${row("first", null)}`));
  listenToTable(
    element,
    () => {},
    () => {},
  );
  await sort(1);
  assert.deepEqual(texts(), ["fig", "apple", "pear", "first", "none"]);
});

test("the visitor's order is kept while a table grows, and forgotten with it", async () => {
  await sort(1);
  element.querySelector("tbody").append(openPageRow("kiwi", 3));
  changed();
  assert.deepEqual(texts(), ["fig", "kiwi", "apple", "pear", "none"]);
  const table = element.querySelector("table");
  table.remove();
  changed();
  element.append(table);
  element.querySelector("tbody").append(openPageRow("nut", 1));
  changed();
  assert.equal(texts().at(-1), "nut");
});

function openPageRow(text, score) {
  const [kept, page] = [element, globalThis.document];
  const [made] = openPage(row(text, score)).children;
  element = kept;
  globalThis.document = page;
  return made;
}

test("a new table keeps the server's order until one is chosen", () => {
  changed();
  assert.deepEqual(texts(), ["pear", "apple", "none", "fig"]);
});

test("the text of a row is copied, and the button says so for a while", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const copied = [];
  const clipboard = { writeText: async (text) => copied.push(text) };
  Object.defineProperty(globalThis, "navigator", { value: { clipboard }, configurable: true });
  const button = element.querySelectorAll("[data-copy]")[1];
  await button.click();
  assert.deepEqual(copied, ["apple"]);
  assert.equal(button.textContent, "Copied");
  t.mock.timers.tick(1499);
  assert.equal(button.textContent, "Copied");
  t.mock.timers.tick(1);
  assert.equal(button.textContent, "Copy");
});

test("without a clipboard, a box is filled, copied and removed", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  Object.defineProperty(globalThis, "navigator", { value: {}, configurable: true });
  const copied = [];
  document.execCommand = (name) => copied.push([name, element.querySelector("textarea").value]);
  await element.querySelector("[data-copy]").click();
  assert.deepEqual(copied, [["copy", "pear"]]);
  assert.equal(element.querySelector("textarea"), null);
});

test("a row's text is sent to be looked inside with", async () => {
  await element.querySelectorAll("[data-look]")[2].click();
  assert.deepEqual(events, [["select", { text: "none" }]]);
  await element.querySelector("td").click();
  assert.equal(events.length, 1);
});
