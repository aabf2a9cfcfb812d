// The colours of the maps: 256 of them, sent with each stack (viridis, whose even steps look even
// in grey and to colour-blind eyes too).

let COLOURS = new Uint8Array(256 * 3);

function useColours(bytes) {
  COLOURS = bytes;
}

/** A share of the scale, 0 to 1 -> its place in the table of colours. */
function colourIndex(share) {
  return Math.max(0, Math.min(255, Math.round(share * 255)));
}

/** A share of the scale -> a CSS colour. */
function colourOf(share) {
  const at = colourIndex(share) * 3;
  return "rgb(" + [COLOURS[at], COLOURS[at + 1], COLOURS[at + 2]].join(" ") + ")";
}

/** The whole scale from left to right, for a background. */
function colourRamp() {
  const stops = [...Array(17).keys()].map((step) => colourOf(step / 16) + " " + (step / 16) * 100 + "%");
  return "linear-gradient(to right, " + stops.join(", ") + ")";
}
