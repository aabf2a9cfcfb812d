// Viridis: even steps look even, also in grey and to colour-blind eyes.

const VIRIDIS = (
  "440154 481a6c 472f7d 414487 39568c 31688e 2a788e 23888e " +
  "1f988b 22a884 35b779 54c568 7ad151 a5db36 d2e21b fde725"
).split(" ");
const COLOURS = colourTable();

/** 256 colours, three bytes each. */
function colourTable() {
  const stops = VIRIDIS.map((hex) => [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16)));
  const table = new Uint8ClampedArray(256 * 3);
  for (let index = 0; index < 256; index++) {
    const place = (index / 255) * (stops.length - 1);
    const before = Math.min(Math.floor(place), stops.length - 2);
    for (let channel = 0; channel < 3; channel++) {
      const [from, to] = [stops[before][channel], stops[before + 1][channel]];
      table[index * 3 + channel] = from + (to - from) * (place - before);
    }
  }
  return table;
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

/** Black or white: the one that can be read on a colour of the scale. */
function inkOn(share) {
  return share > 0.55 ? "#0b1220" : "#ffffff";
}

/** The whole scale from left to right, for a background. */
function colourRamp() {
  const stops = VIRIDIS.map((hex, index) => "#" + hex + " " + (index / (VIRIDIS.length - 1)) * 100 + "%");
  return "linear-gradient(to right, " + stops.join(", ") + ")";
}
