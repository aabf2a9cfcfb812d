// What follows from a view: the numbers that all panels draw.

/** The maps of all queries and what is said of them, for the layer, head and signal of a view. */
function lookAt(stack, view) {
  const signal = stack.signals.find(({ id }) => id === view.signal) ?? stack.signals[0];
  const queries = [...Array(stack.queries).keys()];
  const maps = queries.map((query) =>
    signal.maps ? signal.maps[query] : stack.attention(query, view.layer, view.head),
  );
  const bits = maps.map(entropy);
  const cosines = stack.cosines;
  const ranked = cosines ? [...queries].sort((a, b) => cosines[b] - cosines[a]) : [];
  const high = highest(maps);
  const text = view.token === null ? null : stack.texts[view.text];
  const map = text ? tokenMap(stack, text, view.token) : maps[view.query];
  return {
    signal,
    maps,
    bits,
    cosines,
    map,
    text,
    flat: maps.map(isFlat),
    twins: queries.map((query) => nearest(maps, query)),
    classShares: queries.map((query) => stack.classShare(query, view.layer, view.head)),
    winner: ranked[0],
    second: ranked[1],
    order: ordered(queries, view.sort, bits, cosines),
    high: view.scale === "stack" && !signal.maps ? stack.scale : high,
    lookers: lookersOf(stack, view, maps, text),
    shownHigh: shownHigh(stack, view, map, text, high, signal),
    measureOf: (layer, head) => measure(stack, view, layer, head),
  };
}

function highest(maps) {
  return Math.max(...maps.map((map) => Math.max(...map)));
}

/** One token's map, or the sum over all of them. */
function tokenMap(stack, text, token) {
  if (token !== MEAN) return text.maps[token];
  const sum = new Float32Array(stack.patches);
  for (const map of text.maps) map.forEach((value, patch) => (sum[patch] += value));
  return sum;
}

/** How much of each query is in what is pointed at: a patch, or a word that was pressed. */
function lookersOf(stack, view, maps, text) {
  if (view.patch !== null) return maps.map((map) => map[view.patch]);
  return text && view.token !== MEAN ? text.shares[view.token] : null;
}

/** The number at the bright end of the large picture's scale. */
function shownHigh(stack, view, map, text, high, signal) {
  if (view.scale === "own" || (text && view.token === MEAN)) return Math.max(...map);
  if (text) return highest(text.maps);
  return view.scale === "stack" && !signal.maps ? stack.scale : high;
}

function nearest(maps, query) {
  const alike = maps.map((map, other) => (other === query ? -1 : likeness(map, maps[query])));
  return indexOfMax(alike);
}

function ordered(queries, sort, bits, cosines) {
  if (sort === "entropy") return [...queries].sort((a, b) => bits[a] - bits[b]);
  if (sort === "cosine" && cosines) return [...queries].sort((a, b) => cosines[b] - cosines[a]);
  return queries;
}

/** One number for the chosen query in a layer and head, 0 to 1. */
function measure(stack, view, layer, head) {
  const map = stack.attention(view.query, layer, head);
  if (view.measure === "class") return stack.classShare(view.query, layer, head);
  if (view.measure === "peak") return Math.max(...map);
  return Math.max(0, 1 - entropy(map) / Math.log2(stack.patches));
}
