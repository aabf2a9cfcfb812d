// The colours of the maps: 256 of them, sent with each stack (viridis, whose even steps look even
// in grey and to colour-blind eyes too), and 256 of our own for differences: from blue (less) over
// white (the same) to orange (more), which colour-blind eyes tell apart as well.

export let palette = new Uint8Array(256 * 3);
export const DIVERGING = blended([
  [5, 72, 136],
  [108, 174, 214],
  [247, 247, 247],
  [245, 166, 91],
  [166, 70, 0],
]);

/** Colours at even steps -> a table of 256, straight lines between them. */
function blended(colours) {
  return Uint8Array.from({ length: 256 * 3 }, (_, at) => {
    const place = (Math.floor(at / 3) / 255) * (colours.length - 1);
    const before = Math.min(Math.floor(place), colours.length - 2);
    const [from, to] = [colours[before][at % 3], colours[before + 1][at % 3]];
    return Math.round(from + (to - from) * (place - before));
  });
}

export function useColours(bytes) {
  palette = bytes;
}

/** A share of the scale, 0 to 1 -> its place in the table of colours. */
export function colourIndex(share) {
  return Math.max(0, Math.min(255, Math.round(share * 255)));
}

/** A share of the scale -> a CSS colour. */
export function colourOf(share, table = palette) {
  const at = colourIndex(share) * 3;
  return `rgb(${[table[at], table[at + 1], table[at + 2]].join(" ")})`;
}

/** The whole scale from left to right, for a background. */
export function colourRamp(table) {
  const stops = [...Array(17).keys()].map(
    (step) => `${colourOf(step / 16, table)} ${(step / 16) * 100}%`,
  );
  return `linear-gradient(to right, ${stops.join(", ")})`;
}
