// The state derived from a stack and a view: the numbers that all panels draw.

import {
  argmax,
  correlation,
  entropy,
  isFlat,
  isNearlyEven,
  MEAN,
  orderBySimilarity,
  quantile,
} from "./numbers.js";
import { CLIPPED } from "./stack.js";

/** Maps of all queries and the numbers drawn from them, in the layer, head and signal of a view. */
export function deriveView(stack, view) {
  const signal = stack.signals.find(({ id }) => id === view.signal) ?? stack.signals[0];
  const text = view.token === null ? null : stack.texts[view.text];
  const queries = [...Array(stack.queries).keys()];
  const query = queryOf(stack, view);
  const maps = queries.map((query) =>
    signal.maps ? signal.maps[query].values : stack.attention(query, view.layer, view.head),
  );
  const single = text ? tokenMap(text, view.token) : (signal.map ?? signal.maps?.[view.query]);
  const bits = maps.map(entropy);
  const map = single ? single.values : maps[view.query];
  const top = (values) => (view.clip ? quantile(values, CLIPPED) : Math.max(...values));
  const wholeStack = view.scale === "stack" && !signal.maps;
  const scale = () => (view.clip ? stack.clippedScale() : stack.scale);
  const high = wholeStack ? scale() : top(together(maps));
  return {
    signal,
    text,
    maps,
    bits,
    high,
    top,
    single,
    map,
    query,
    shownQuery: text || (signal.map && signal.id !== "winner") ? null : query,
    cosines: stack.cosines,
    winner: stack.winner?.query,
    second: stack.winner?.runner_up,
    order: ordered(queries, view.sort, maps, bits, stack.cosines),
    flat: maps.map((map) => isFlat(map, stack.flat)),
    even: maps.map(isNearlyEven),
    mostSimilar: queries.map((query) => mostSimilarTo(maps, query)),
    classShares: queries.map((query) => stack.classShare(query, view.layer, view.head)),
    queryShares: sharesPerQuery(view, maps, text),
    shownHigh: highOfShown(view, text, map, signal, { high, top }),
    measureOf: (layer, head) => measure(stack, view.measure, query, layer, head),
  };
}

/** The query that a view is about: of the closest one, whichever that is for the text on screen. */
export function queryOf(stack, view) {
  return view.signal === "winner" && stack.winner ? stack.winner.query : view.query;
}

/** The map of one word, or of all of them. */
function tokenMap(text, token) {
  if (token !== MEAN) return text.maps[token];
  if (text.whole) return text.whole;
  const sum = new Float32Array(text.maps[0].values.length);
  for (const { values } of text.maps) {
    for (let patch = 0; patch < sum.length; patch++) sum[patch] += values[patch];
  }
  return { values: sum };
}

/** How much each query attends to the patch that is pointed at, or to the chosen word. */
function sharesPerQuery(view, maps, text) {
  if (view.patch !== null) return maps.map((map) => map[view.patch]);
  return text?.shares && view.token !== MEAN ? text.shares[view.token] : null;
}

/** The number at the bright end of the large image's scale. */
function highOfShown(view, text, map, signal, { high, top }) {
  const alone = text ? view.token === MEAN : Boolean(signal.map);
  if (alone || view.scale === "own") return top(map);
  return text ? top(together(text.maps.map(({ values }) => values))) : high;
}

function together(maps) {
  return maps.flatMap((map) => [...map]);
}

function mostSimilarTo(maps, query) {
  const alike = maps.map((map, other) => (other === query ? -2 : correlation(map, maps[query])));
  return argmax(alike);
}

function ordered(queries, sort, maps, bits, cosines) {
  if (sort === "similarity") return orderBySimilarity(maps);
  if (sort === "entropy") return [...queries].sort((a, b) => bits[a] - bits[b]);
  if (sort === "cosine" && cosines) return [...queries].sort((a, b) => cosines[b] - cosines[a]);
  return queries;
}

/** One number for the chosen query in a layer and head, 0 to 1. */
function measure(stack, kind, query, layer, head) {
  const map = stack.attention(query, layer, head);
  if (kind === "class") return stack.classShare(query, layer, head) ?? 0;
  if (kind === "peak") return Math.max(...map);
  return Math.max(0, 1 - entropy(map) / Math.log2(stack.patches));
}
