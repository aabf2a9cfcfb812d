// The payload of a real stack, as the app ships it, and a view of it.

import { readFileSync } from "node:fs";
import { readStack } from "../../app/workbench/inside_tab/explorer/stack.js";

const FILE = new URL("../../data/samples/example-inside.json", import.meta.url);

/** A new copy of the payload at each call. */
export function readPayload(changes = {}) {
  return { ...JSON.parse(readFileSync(FILE, "utf8")), ...changes };
}

export function realStack(changes = {}) {
  return readStack(readPayload(changes));
}

/** Base64 levels -> numbers, as blip2core/explain/stack.py says: 255 stands for the scale. */
export function decode({ values, scale }) {
  return [...Buffer.from(values, "base64")].map((level) => (level / 255) * scale);
}

export function viewOf(changes = {}) {
  return {
    signal: "attention",
    layer: -1,
    head: -1,
    query: 0,
    text: 0,
    token: null,
    scale: "shared",
    sort: "index",
    measure: "focus",
    raw: false,
    grey: true,
    clip: false,
    opacity: 0.85,
    patch: null,
    hovered: null,
    masking: false,
    masked: new Set(),
    ...changes,
  };
}
