// What the server sends once, unpacked; everything the views ask of it is answered here.

const MEAN = -1; // stands for the mean over layers or heads

/** Base64 -> bytes. */
function bytesOf(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/**
 * The payload of the server -> a stack to look things up in.
 *
 * `map(view)` are the P numbers that a view shows, `share` one of them as part of the whole.
 */
function readStack(payload) {
  const { layers, heads, queries, rows, cols } = payload;
  const patches = rows * cols;
  const bytes = bytesOf(payload.maps);
  const known = new Map();

  /** The mean of the chosen layers and heads for one query: P shares of its attention. */
  function attention(query, layer, head) {
    const key = query + " " + layer + " " + head;
    if (!known.has(key)) {
      const sum = new Float32Array(patches);
      const [inLayers, inHeads] = [chosen(layer, layers.length), chosen(head, heads)];
      for (const l of inLayers) {
        for (const h of inHeads) {
          const start = ((l * heads + h) * queries + query) * patches;
          for (let patch = 0; patch < patches; patch++) sum[patch] += bytes[start + patch];
        }
      }
      const unit = payload.scale / 255 / (inLayers.length * inHeads.length);
      known.set(key, sum.map((value) => value * unit));
    }
    return known.get(key);
  }

  /** The share of its attention that a query leaves on the class token. */
  function classShare(query, layer, head) {
    const all = chosen(layer, layers.length).flatMap((l) =>
      chosen(head, heads).map((h) => payload.class_shares[l][h][query]),
    );
    return mean(all);
  }

  const signals = payload.signals.map((signal) => ({
    ...signal,
    maps: signal.maps && unpack(signal, queries, patches),
  }));
  const texts = payload.texts.map((text) => ({
    ...text,
    maps: unpack(text, text.tokens.length, patches),
  }));
  return { ...payload, patches, attention, classShare, signals, texts };
}

/** `count` maps that share a scale of their own. */
function unpack({ maps, scale }, count, patches) {
  const bytes = bytesOf(maps);
  return [...Array(count).keys()].map((index) => {
    const part = bytes.subarray(index * patches, (index + 1) * patches);
    return Float32Array.from(part, (value) => (value * scale) / 255);
  });
}

/** One index, or all of them where the mean is meant. */
function chosen(index, count) {
  return index === MEAN ? [...Array(count).keys()] : [index];
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

function total(map) {
  return map.reduce((sum, value) => sum + value, 0);
}

function indexOfMax(values) {
  let best = 0;
  values.forEach((value, index) => {
    if (value > values[best]) best = index;
  });
  return best;
}

/** How spread out a map is, in bits: 0 for one patch, log2(P) for an even map. */
function entropy(map) {
  const sum = total(map);
  if (!(sum > 0)) return Math.log2(map.length);
  return map.reduce((bits, value) => {
    const share = value / sum;
    return share > 0 ? bits - share * Math.log2(share) : bits;
  }, 0);
}

/** Whether a map says nothing: its values hardly differ, so a peak in it would be chance. */
function isFlat(map) {
  const average = total(map) / map.length;
  return !(Math.max(...map) - Math.min(...map) > FLAT * average);
}
const FLAT = 0.25; // of the mean

/** Correlation of two maps: 1 for the same shape, 0 for nothing in common. */
function likeness(one, other) {
  const [a, b] = [total(one) / one.length, total(other) / other.length];
  let [both, first, second] = [0, 0, 0];
  for (let at = 0; at < one.length; at++) {
    both += (one[at] - a) * (other[at] - b);
    first += (one[at] - a) ** 2;
    second += (other[at] - b) ** 2;
  }
  return first > 0 && second > 0 ? both / Math.sqrt(first * second) : 0;
}
