import assert from "node:assert/strict";
import { test } from "node:test";
import { listenToSuggestions } from "../../app/workbench/chat_tab/suggestions.js";
import { openPage, parse } from "./fake_page.js";

test("a press asks what the button says, also where it was drawn later", async () => {
  const root = openPage('<div id="suggestions"><p>Questions</p></div>');
  const element = root.querySelector("#suggestions");
  const told = [];
  listenToSuggestions(element, (name, values) => told.push([name, values]));
  const drawn = parse("<p>Talk</p><button>Who?</button><button data-anyway='1'>Ask</button>");
  element.replaceChildren(...drawn.children);
  for (const button of element.querySelectorAll("button")) await button.click();
  await element.querySelector("p").click();
  assert.deepEqual(told, [
    ["ask", { words: "Who?" }],
    ["ask_anyway", undefined],
  ]);
});
