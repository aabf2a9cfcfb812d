// Arithmetic on maps.

export const MEAN = -1; // stands for the mean over layers or heads, and for all words of a text
const NEARLY_EVEN = 0.995; // share of the highest entropy

/** One index, or all of them where the mean is meant. */
export function selectedIndices(index, count) {
  return index === MEAN ? [...Array(count).keys()] : [index];
}

export function total(values) {
  return values.reduce((sum, value) => sum + value, 0);
}

export function mean(values) {
  return total(values) / Math.max(1, values.length);
}

export function argmax(values) {
  return values.reduce((best, value, index) => (value > values[best] ? index : best), 0);
}

export function maxOfMaps(maps) {
  return Math.max(...maps.map((map) => Math.max(...map)));
}

/** The value that a share of some values reach at most; their highest where that is 0. */
export function quantile(values, share) {
  const sorted = Float32Array.from(values).sort();
  return sorted[Math.floor(share * (sorted.length - 1))] || sorted[sorted.length - 1];
}

/** Total variation distance, 0 to 1, from the difference of two maps of shares. */
export function totalVariation(difference) {
  return total(difference.map(Math.abs)) / 2;
}

/** A map as shares of its whole. */
export function sharesOf(map) {
  const sum = total(map);
  return Float32Array.from(map, (value) => (sum > 0 ? value / sum : 0));
}

/** In which of `count` equal cells of a length a place lies. */
export function cellAt(place, size, count) {
  return Math.max(0, Math.min(count - 1, Math.floor((place / size) * count)));
}

/** How spread out a map is, in bits: 0 for one patch, log2(P) for an even map. */
export function entropy(map) {
  const sum = total(map);
  if (!(sum > 0)) return Math.log2(map.length);
  return map.reduce((bits, value) => {
    const share = value / sum;
    return share > 0 ? bits - share * Math.log2(share) : bits;
  }, 0);
}

/** Whether no patch of a map stands out, so that its peak would mean nothing. */
export function isFlat(map, limit) {
  const most = Math.max(...map);
  return most - Math.min(...map) <= limit * most;
}

/** Whether a map hardly differs from an even one. */
export function isNearlyEven(map) {
  return entropy(map) > NEARLY_EVEN * Math.log2(map.length);
}

/** Returns an order with similar maps side by side (agglomerative clustering, average linkage). */
export function orderBySimilarity(maps) {
  const like = maps.map((one) => maps.map((other) => correlation(one, other)));
  const between = (one, other) => mean(one.flatMap((a) => other.map((b) => like[a][b])));
  let groups = maps.map((_, at) => [at]);
  while (groups.length > 1) {
    let best = { score: -Infinity };
    groups.forEach((one, at) => {
      for (const other of groups.slice(at + 1)) {
        const score = between(one, other);
        if (score > best.score) best = { score, one, other };
      }
    });
    const joined = [...best.one, ...best.other];
    groups = [joined, ...groups.filter((group) => group !== best.one && group !== best.other)];
  }
  return groups[0];
}

/** Correlation of two maps: 1 for the same shape, 0 for nothing in common. */
export function correlation(one, other) {
  const [a, b] = [mean(one), mean(other)];
  let [both, first, second] = [0, 0, 0];
  for (let at = 0; at < one.length; at++) {
    both += (one[at] - a) * (other[at] - b);
    first += (one[at] - a) ** 2;
    second += (other[at] - b) ** 2;
  }
  return first > 0 && second > 0 ? both / Math.sqrt(first * second) : 0;
}
