// Numbers and places in words.

export function percent(share) {
  const value = share * 100;
  return `${value < 0.05 || value >= 9.95 ? value.toFixed(0) : value.toFixed(1)}%`;
}

/** Two telling digits, never an exponent. */
export function twoDigits(value) {
  if (value === 0) return "0";
  const digits = Math.max(0, Math.min(6, 1 - Math.floor(Math.log10(Math.abs(value)))));
  return value.toFixed(digits);
}

/** Where in the image a patch lies, in words. */
export function placeOf(patch, rows, cols) {
  const third = (at, count) => Math.min(2, Math.floor(((at + 0.5) / count) * 3));
  const places = [
    ["at upper left", "at the top", "at upper right"],
    ["at the left", "at the centre", "at the right"],
    ["at lower left", "at the bottom", "at lower right"],
  ];
  return places[third(Math.floor(patch / cols), rows)][third(patch % cols, cols)];
}

/** The largest of some numbers with their indices: "7 (12%), 3 (9.1%)". */
export function ranking(values, count, number) {
  const order = [...values.keys()].sort((a, b) => values[b] - values[a]).slice(0, count);
  return order.map((index) => `${index} (${number(values[index])})`).join(", ");
}
