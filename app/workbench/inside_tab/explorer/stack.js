// What the server sends once, unpacked. The format is that of blip2core/explain/stack.py; only this
// file knows it.

const MEAN = -1; // stands for the mean over layers or heads, and for all words of a text

/** Kinds of map that belong to the whole picture and text, in the words of the page. */
const WHOLE = {
  gradcam: ["Grad-CAM", "Where attention raised the score of picture and text together."],
  relevance: ["Relevance", "The same, followed through all layers and queries."],
  winner: ["Best match", "Where the query looked that found the text, before it knew the text."],
};

function readStack(payload) {
  useColours(bytesOf(payload.palette));
  const patches = payload.rows * payload.cols;
  const maps = payload.maps.map((map) => ({ ...map, values: numbersOf(map) }));
  return {
    ...payload,
    ...attentionOf(payload, patches),
    patches,
    pairs: pairsOf(payload),
    signals: signalsOf(payload, maps),
    texts: textsOf(payload, maps),
    clippedScale: once(() => quantile(numbersOf(payload), CLIPPED)),
  };
}

/** What `make` gives, made when it is first asked for. */
function once(make) {
  let made = null;
  return () => (made ??= make());
}

/** Base64 -> bytes. */
function bytesOf(text) {
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
  const known = new Map();
  const place = (query, layer, head) => (layer * heads + head) * queries + query;
  const places = (query, layer, head) =>
    chosen(layer, layers.length).flatMap((l) => chosen(head, heads).map((h) => place(query, l, h)));

  function attention(query, layer, head) {
    const key = [query, layer, head].join(" ");
    if (!known.has(key)) {
      const all = places(query, layer, head);
      const sum = new Float32Array(patches);
      for (const at of all) {
        for (let patch = 0; patch < patches; patch++) sum[patch] += bytes[at * patches + patch];
      }
      const unit = payload.scale / 255 / all.length;
      known.set(key, sum.map((level) => level * unit));
    }
    return known.get(key);
  }

  function classShare(query, layer, head) {
    const shares = payload.class_share;
    return shares && mean(places(query, layer, head).map((at) => shares[at]));
  }

  return { attention, classShare };
}

/** What the page can show for each query, or (`map`) for the whole picture. */
function signalsOf(payload, maps) {
  const rollout = maps.filter(({ kind, query }) => kind === "rollout" && query !== null);
  const signals = [
    {
      id: "attention",
      label: "Attention",
      unit: "share",
      hint: "Where this query looked, in the layer and head you choose.",
    },
  ];
  if (rollout.length) {
    signals.push({
      id: "rollout",
      label: "Rollout",
      unit: "relevance",
      hint: "What reached this query in the end: its own look, and those of queries it listened to.",
      maps: rollout,
    });
  }
  for (const [id, [label, hint]] of Object.entries(WHOLE)) {
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
      hint: "From the word to the queries that heard it, and from those to where they looked then; " +
        "weighted by what raised the score.",
      tokens: payload.words.map(({ text }) => text),
      maps: words,
      whole: maps.find(({ kind }) => kind === "text"),
      shares: heardShares(payload),
    });
  }
  if (payload.answer) texts.push(answerOf(payload.answer));
  return texts;
}

/** How much of each word each query had heard: rows of words. */
function heardShares({ words, queries, heard }) {
  const all = numbersOf(heard);
  return words.map((_, word) => [...all.slice(word * queries, (word + 1) * queries)]);
}

/** The language model reads through queries of its own, so these are counted apart. */
function answerOf(answer) {
  const slots = numbersOf(answer);
  return {
    id: "answer",
    title: "What the model wrote",
    note: answer.prompt.trim() && "to “" + answer.prompt.trim().split("\n").pop() + "”",
    hint: "From the word the model wrote to the queries it read, and from those to where they looked.",
    tokens: answer.tokens.map(({ text }) => text.trim() || text),
    maps: answer.maps.map((map) => ({ ...map, values: numbersOf(map) })),
    whole: null,
    shares: null,
    slots: answer.tokens.map((_, token) => slots.slice(token * answer.slots, (token + 1) * answer.slots)),
    onPicture: answer.picture_share,
  };
}

/** Query to query, mean over layers: a row listens. */
function pairsOf({ between, queries }) {
  const all = numbersOf(between);
  const cells = queries * queries;
  return [...Array(queries).keys()].map((row) =>
    [...Array(queries).keys()].map((column) =>
      mean(between.layers.map((_, layer) => all[layer * cells + row * queries + column])),
    ),
  );
}
