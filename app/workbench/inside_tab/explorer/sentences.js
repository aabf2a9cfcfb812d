// The map on screen in words.

import { describeLegend } from "./descriptions.js";
import { percent, placeOf, ranking, twoDigits } from "./formats.js";
import { argmax, isFlat, isNearlyEven, MEAN, total } from "./numbers.js";

export const WARNING = "Attention shows where the model looked, not why it answered.";
const FAINT_PEAK = 0.35; // share of the scale below which a map can hardly be seen

/** What a map shows: its peak and how much lies in few patches; or that it is flat. */
function describeMap(map, stack) {
  if (isFlat(map, stack.flat)) return "A flat map: no part of the image stands out.";
  const count = Math.max(1, Math.round(map.length * 0.05));
  const top = [...map].sort((a, b) => b - a).slice(0, count);
  const even = isNearlyEven(map) ? "Nearly even; " : "";
  const place = placeOf(argmax(map), stack.rows, stack.cols);
  const share = percent(total(top) / total(map));
  const area = percent(count / map.length);
  const description = `strongest ${place}, with ${share} of the map inside ${area} of the image.`;
  return even + (even ? description : description[0].toUpperCase() + description.slice(1));
}

/** Which layer and head a view shows. */
export function describeDepth(stack, view) {
  const layer = view.layer === MEAN ? "mean of all layers" : `layer ${stack.layers[view.layer]}`;
  const head = view.head === MEAN ? "mean of all heads" : `head ${view.head}`;
  return `${layer}, ${head}`;
}

/** All that is written about the map on screen. */
export function describe(stack, view, derived) {
  const shares = !derived.text && derived.signal.unit === "share";
  const number = shares ? percent : twoDigits;
  const own = view.scale === "own" ? "own scale, not comparable; " : "";
  const title = titleOf(stack, view, derived);
  const description = [
    describeMap(derived.map, stack),
    describeSource(view, derived),
    describeFaint(stack, derived),
  ]
    .filter(Boolean)
    .join(" ");
  return {
    title,
    description,
    aloud: [stack.fit, `${title}. ${description}`].filter(Boolean).join(" "),
    method: derived.text ? derived.text.hint : derived.signal.hint,
    ticks: ticksOf(derived, number),
    unit: own + (shares ? "share of the query's attention, per patch" : "relevance, per patch"),
    legend: describeLegend(derived, view),
    name: fileName(title),
  };
}

/** Under the two ends and the middle of the scale; a clipped one ends with "at least". */
function ticksOf({ map, shownHigh }, number) {
  const clipped = Math.max(...map) > shownHigh * 1.001;
  const ticks = [0, shownHigh / 2, shownHigh].map(number);
  return clipped ? [...ticks.slice(0, 2), `≥ ${ticks[2]}`] : ticks;
}

export function titleOf(stack, view, derived) {
  if (derived.text && view.token === MEAN) return `${derived.text.title} · all words`;
  if (derived.text) {
    const word = `“${derived.text.tokens[view.token]}”`;
    return `${derived.text.title} · ${word}, word ${view.token + 1}`;
  }
  if (derived.signal.map) {
    const whose = derived.signal.id === "winner" ? `query ${derived.winner}` : "the whole text";
    return `${derived.signal.label} · ${whose}`;
  }
  const depth = derived.signal.maps
    ? derived.signal.label.toLowerCase()
    : describeDepth(stack, view);
  return `Query ${view.query} · ${depth}`;
}

/** What the map leaves out, or where it comes from. */
function describeSource(view, derived) {
  const { text } = derived;
  if (text && view.token !== MEAN) {
    const shares = text.shares?.[view.token] ?? text.slots[view.token];
    const sum = total(shares) || 1;
    const most = ranking(shares, 3, (share) => percent(share / sum));
    if (!text.imageShare) return `The queries that attend to it most: ${most}.`;
    const imageShare = percent(text.imageShare[view.token]);
    return `${imageShare} of what the model attended to was the image, mostly queries ${most}.`;
  }
  const share = derived.single ? null : derived.classShares[view.query];
  return share === null
    ? ""
    : `${percent(share)} goes to the class token, which belongs to no patch.`;
}

/** Why hardly anything is seen on the image, where others share the scale and are stronger. */
function describeFaint(stack, { map, shownHigh }) {
  const share = Math.max(...map) / shownHigh;
  if (isFlat(map, stack.flat) || share > FAINT_PEAK) return "";
  const peak = `Faint here: its peak is ${percent(share)} of the highest on this scale. `;
  return `${peak}Under Colours, “each on its own scale” shows its shape.`;
}

function fileName(text) {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
}
