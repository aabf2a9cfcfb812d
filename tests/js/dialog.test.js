import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { listenToSaving } from "../../app/workbench/save_dialog/dialog.js";
import { openPage, parse } from "./fake_page.js";

const FORM =
  '<div class="save-content" hidden><form data-offer="o1">' +
  '<label><input name="text" value="0"></label><label><input name="text" value="1"></label>' +
  '<select name="dataset"><option value="zoo">zoo</option><option value="">new</option></select>' +
  '<label class="new"><input name="new" value="workbench"></label>' +
  '<button type="submit">Save</button><button data-close>Cancel</button></form></div>';

const held = new Map();
globalThis.localStorage = {
  getItem: (name) => held.get(name) ?? null,
  setItem: (name, value) => held.set(name, value),
};

let element;
let events;
let redrawn;
let dialog;

/** What a browser does with a dialog and its form, and this page does not. */
function equip(shown) {
  Object.assign(shown, {
    open: false,
    showModal: () => (shown.open = true),
    close: () => (shown.open = false),
  });
  Object.defineProperty(shown, "innerHTML", {
    set: (markup) => {
      shown.replaceChildren(...parse(markup).children);
      const select = shown.querySelector("select");
      if (!select) return;
      select.options = select.querySelectorAll("option");
      for (const option of select.options) option.value = option.getAttribute("value");
      select.value = select.options[0].value;
      const name = shown.querySelector("[name=new]");
      name.value = name.getAttribute("value");
      for (const tick of shown.querySelectorAll("[name=text]")) {
        tick.value = tick.getAttribute("value");
      }
    },
  });
}

function open(markup = FORM) {
  element.replaceChildren(...parse(markup).children);
  const content = element.querySelector(".save-content");
  if (content) content.innerHTML = markup.replace(/^<div[^>]*>|<\/div>$/g, "");
  redrawn();
}

beforeEach(() => {
  held.clear();
  element = openPage('<main class="gradio-container"><div id="save-dialog"></div></main>');
  element = element.querySelector("#save-dialog");
  events = [];
  const create = document.createElement;
  document.createElement = (tag) => {
    dialog = create(tag);
    equip(dialog);
    return dialog;
  };
  listenToSaving(
    element,
    (name, data) => events.push([name, data]),
    (_, listener) => {
      redrawn = listener;
    },
  );
});

const field = (name) => dialog.querySelector(`[name=${name}]`);
const submit = () => dialog.querySelector("form").send("submit");

test("what is ticked is sent once, with offer and dataset", async () => {
  open();
  assert.equal(dialog.open, true);
  dialog.querySelectorAll("[name=text]")[1].checked = true;
  const event = await submit();
  assert.equal(event.defaultPrevented, true);
  assert.deepEqual(events, [["submit", { offer: "o1", dataset: "zoo", texts: [1] }]]);
  assert.equal(dialog.querySelector("[type=submit]").disabled, true);
});

test("a new dataset is named, and the one chosen last is chosen again", async () => {
  open();
  const name = dialog.querySelector(".new");
  assert.equal(name.hidden, true);
  field("dataset").value = "";
  await field("dataset").send("change");
  assert.equal(name.hidden, false);
  field("new").value = " birds ";
  await submit();
  assert.equal(events[0][1].dataset, "birds");
  open(
    FORM.replace(
      "<option",
      '<option value="ants">ants</option><option value="birds">b</option><option',
    ),
  );
  assert.equal(field("dataset").value, "birds");
  open(); // where it is gone, the first one is chosen
  assert.equal(field("dataset").value, "zoo");
});

test("it closes, and what is drawn without a dialog opens none", async () => {
  open();
  await dialog.querySelector("[data-close]").click();
  assert.equal(dialog.open, false);
  open("<p>nothing</p>");
  assert.equal(dialog.open, false);
});
