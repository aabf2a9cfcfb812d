import assert from "node:assert/strict";
import { test } from "node:test";
import { listenToChooser } from "../../app/workbench/model_picker.js";
import { openPage } from "./fake_page.js";

test("the value is there when the server is told of a choice", async () => {
  const root = openPage("<select></select>");
  const props = { value: "stickers-opt" };
  const told = [];
  listenToChooser(
    root,
    props,
    (event) => told.push([event, props.value]),
    () => {},
  );
  const chooser = root.querySelector("select");
  chooser.value = "stickers-t5";
  await chooser.send("change");
  assert.deepEqual(told, [["input", "stickers-t5"]]);
});

test("a model that the server has chosen is the one that is shown", () => {
  const root = openPage("<select></select>");
  const props = { value: "stickers-opt" };
  let changed;
  const watch = (name, listener) => {
    if (name === "value") changed = listener;
  };
  listenToChooser(root, props, () => {}, watch);
  props.value = "stickers-t5";
  changed();
  assert.equal(root.querySelector("select").value, "stickers-t5");
});
