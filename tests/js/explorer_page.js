// The explorer on a fake page, with the payload that the app ships.

import { readFileSync } from "node:fs";
import { createExplorer } from "../../app/workbench/inside_tab/explorer/explorer.js";
import { openPage } from "./fake_page.js";
import { readPayload } from "./payload.js";

const TEMPLATE = new URL("../../app/workbench/inside_tab/explorer/template.html", import.meta.url);

/** Shows a payload, attention first; `part` finds a part by name, `draw` draws the next frame. */
export function openExplorer(changes = {}) {
  const root = openPage(readFileSync(TEMPLATE, "utf8"));
  const sent = [];
  const explorer = createExplorer(root, (name, data) => sent.push([name, data]));
  const part = (name) => root.querySelector(`[data-part="${name}"]`);
  const page = {
    root,
    sent,
    explorer,
    part,
    draw: () => root.drawFrame(),
    text: (name) => part(name).textContent,
    async press(name) {
      await part(name).click();
      root.drawFrame();
    },
    async choose(name, value) {
      part(name).value = String(value);
      await part(name).send("change");
      root.drawFrame();
    },
    async tick(name, checked) {
      part(name).checked = checked;
      await part(name).send("change");
      root.drawFrame();
    },
    async pressQuery(query, group = "maps") {
      await part(group).querySelector(`[data-query="${query}"]`).click();
      root.drawFrame();
    },
    async pressWord(token, text = 0) {
      const word = `[data-text="${text}"][data-token="${token}"]`;
      await part("texts").querySelector(word).click();
      root.drawFrame();
    },
    async key(key, values = {}, target = part("root")) {
      const event = await target.send("keydown", { key, ...values });
      root.drawFrame();
      return event;
    },
  };
  explorer.show(readPayload({ default_map: null, ...changes }));
  page.draw();
  return page;
}
