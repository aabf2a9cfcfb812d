// A line chart as SVG.

import { make, makeDrawn } from "./elements.js";
import { percent, twoDigits } from "./formats.js";
import { mean } from "./numbers.js";

const CHART = { width: 320, height: 180, left: 36, right: 12, top: 10, bottom: 34 };

/** A small chart: a measured curve and that of chance, both from 0 to 1. */
export function chart(title, across, shares, measured, chance) {
  const { width, height, left, right, top, bottom } = CHART;
  const x = (share) => left + share * (width - left - right);
  const y = (value) => top + (1 - value) * (height - top - bottom);
  const place = (value, at) => `${x(shares[at]).toFixed(1)},${y(value).toFixed(1)}`;
  const points = (values) => values.map(place).join(" ");
  const middle = (at, row, text) =>
    makeDrawn("text", { x: at, y: row, "text-anchor": "middle" }, text);
  const parts = [middle(x(0.5), height - 4, across)];
  for (const value of [0, 0.5, 1]) {
    const level = y(value);
    parts.push(
      makeDrawn("line", { class: "rule", x1: left, x2: width - right, y1: level, y2: level }),
    );
    parts.push(
      makeDrawn("text", { x: left - 6, y: level + 4, "text-anchor": "end" }, value.toFixed(1)),
    );
    parts.push(middle(x(value), height - bottom + 15, percent(value)));
  }
  parts.push(makeDrawn("polyline", { class: "chance", points: points(chance) }));
  parts.push(makeDrawn("polyline", { class: "measured", points: points(measured) }));
  const areas = `${twoDigits(mean(measured))} on average, random orders ${twoDigits(mean(chance))}`;
  const what = { role: "img", "aria-label": `${title}: ${areas}` };
  const drawing = makeDrawn("svg", { viewBox: `0 0 ${width} ${height}`, ...what }, ...parts);
  return make("figure", {}, drawing, make("figcaption", {}, title));
}
