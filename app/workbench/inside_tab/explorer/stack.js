// What the server sends once, unpacked. The format is that of blip2core/explain/stack.py; only this
// file knows it.

import { useColours } from "./colours.js";
import { mean, quantile, selectedIndices } from "./numbers.js";

export const CLIPPED = 0.99; // share of the values that a clipped scale tells apart

/** Kinds of map that belong to the whole image and text, in the words of the page. */
const WHOLE_IMAGE_MAPS = {
  gradcam: ["Grad-CAM", "Where attention raised the score of image and text together."],
  relevance: ["Relevance", "The same, followed through all layers and queries."],
  winner: [
    "Closest query",
    "Where the query closest to the text attends, computed without the text. One is always closest.",
  ],
};

export function readStack(payload) {
  useColours(bytesOf(payload.palette));
  const patches = payload.rows * payload.cols;
  const maps = payload.maps.map((map) => ({ ...map, values: numbersOf(map) }));
  return {
    ...payload,
    ...attentionOf(payload, patches),
    image: payload.image,
    patches,
    selfAttention: selfAttentionOf(payload),
    signals: signalsOf(payload, maps),
    texts: textsOf(payload, maps),
    clippedScale: once(() => quantile(numbersOf(payload), CLIPPED)),
  };
}

/** Returns a function that computes a value on its first call and keeps it. */
function once(compute) {
  let made = null;
  return () => (made ??= compute());
}

/** Base64 -> bytes. */
export function bytesOf(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/** Base64 of levels 0 to 255 and the value of the highest -> numbers. */
function numbersOf({ values, scale }) {
  return Float32Array.from(bytesOf(values), (level) => (level * scale) / 255);
}

/** `attention(query, layer, head)` and `classShare(...)`, each also for the mean of many. */
function attentionOf(payload, patches) {
  const { layers, heads, queries } = payload;
  const bytes = bytesOf(payload.values);
  const cache = new Map();
  const place = (query, layer, head) => (layer * heads + head) * queries + query;
  const places = (query, layer, head) =>
    selectedIndices(layer, layers.length).flatMap((l) =>
      selectedIndices(head, heads).map((h) => place(query, l, h)),
    );

  function attention(query, layer, head) {
    const key = [query, layer, head].join(" ");
    if (!cache.has(key)) {
      const all = places(query, layer, head);
      const sum = new Float32Array(patches);
      for (const at of all) {
        for (let patch = 0; patch < patches; patch++) sum[patch] += bytes[at * patches + patch];
      }
      const unit = payload.scale / 255 / all.length;
      cache.set(
        key,
        sum.map((level) => level * unit),
      );
    }
    return cache.get(key);
  }

  function classShare(query, layer, head) {
    const shares = payload.class_share;
    return shares && mean(places(query, layer, head).map((at) => shares[at]));
  }

  return { attention, classShare };
}

/** What the page can show for each query, or (`map`) for the whole image. */
function signalsOf(_payload, maps) {
  const rollout = maps.filter(({ kind, query }) => kind === "rollout" && query !== null);
  const signals = [
    {
      id: "attention",
      label: "Attention",
      unit: "share",
      hint: "Where this query attends, in the layer and head you choose.",
    },
  ];
  if (rollout.length) {
    signals.push({
      id: "rollout",
      label: "Rollout",
      unit: "relevance",
      hint: "What reaches this query through all layers: its own attention and that of queries it reads.",
      maps: rollout,
    });
  }
  for (const [id, [label, hint]] of Object.entries(WHOLE_IMAGE_MAPS)) {
    const map = maps.find(({ kind }) => kind === id);
    if (map) signals.push({ id, label, unit: id === "winner" ? "share" : "relevance", hint, map });
  }
  return signals;
}

/** The text, and the answer where there is one: their words and a map for each. */
function textsOf(payload, maps) {
  const texts = [];
  const words = maps.filter(({ kind }) => kind === "word");
  if (words.length) {
    texts.push({
      id: "text",
      title: "The text",
      note: "",
      hint:
        "From the word to the queries that attend to it, and from those to their patches; " +
        "weighted by what raised the score.",
      tokens: payload.words.map(({ text }) => text),
      maps: words,
      whole: maps.find(({ kind }) => kind === "text"),
      shares: wordShares(payload),
    });
  }
  if (payload.answer) texts.push(answerOf(payload.answer));
  return texts;
}

/** How much each query attends to each word: one row for each word. */
function wordShares({ words, queries, heard }) {
  const all = numbersOf(heard);
  return words.map((_, word) => [...all.slice(word * queries, (word + 1) * queries)]);
}

/** The language model reads through queries of its own, so these are counted apart. */
function answerOf(answer) {
  const slots = numbersOf(answer);
  return {
    id: "answer",
    title: "What the model wrote",
    note: answer.prompt.trim() && `to “${answer.prompt.trim().split("\n").pop()}”`,
    hint: "From the word the model wrote to the queries it attends to, then to their patches.",
    tokens: answer.tokens.map(({ text }) => text.trim() || text),
    maps: answer.maps.map((map) => ({ ...map, values: numbersOf(map) })),
    whole: null,
    shares: null,
    slots: answer.tokens.map((_, token) =>
      slots.slice(token * answer.slots, (token + 1) * answer.slots),
    ),
    imageShare: answer.image_share,
  };
}

/** Query to query, mean over layers: a row attends to columns. */
function selfAttentionOf({ between, queries }) {
  const all = numbersOf(between);
  const cells = queries * queries;
  return [...Array(queries).keys()].map((row) =>
    [...Array(queries).keys()].map((column) =>
      mean(between.layers.map((_, layer) => all[layer * cells + row * queries + column])),
    ),
  );
}
