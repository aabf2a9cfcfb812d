// What the page says beside its panels.

import { percent, ranking, twoDigits } from "./formats.js";

const MEASURES = {
  focus:
    "How sharply query {q} attends in each layer and head: 0% is an even map, 100% a single patch.",
  class: "How much of query {q}'s attention goes to the class token, which belongs to no patch.",
  peak: "The largest share of query {q}'s attention on one patch.",
};

export function describeLegend(derived, view) {
  const scale = {
    shared: "One colour scale for all queries, so maps can be compared.",
    stack: "One colour scale for all queries, layers and heads.",
    own: "Each map on its own scale: colours of different maps cannot be compared.",
  }[view.scale];
  const below = [
    derived.classShares[0] === null ? "" : "attention left on the class token",
    "spread in bits (less is more focused)",
    derived.cosines ? "cosine with the text" : "",
    "the query with the most similar map",
  ];
  return `${scale} Below each: ${below.filter(Boolean).join("; ")}.`;
}

export function describePatch(patch, stack, derived) {
  if (patch === null) return "Point at the image: which queries attend to it?";
  const number = derived.signal.unit === "share" ? percent : twoDigits;
  const row = Math.floor(patch / stack.cols) + 1;
  const column = (patch % stack.cols) + 1;
  const names = ranking(derived.queryShares, 4, number);
  return `Row ${row}, column ${column}: queries ${names} attend to it most.`;
}

export function describeMatch({ cosines, winner, second }) {
  if (!cosines) return "";
  const method =
    "Each query gives a vector of its own; the text is compared with all, and the closest counts, however far it is.";
  const best = ` Query ${winner} is closest, with a cosine of ${cosines[winner].toFixed(3)}`;
  if (second === null) return `${method + best}.`;
  const margin = (cosines[winner] - cosines[second]).toFixed(3);
  return `${method + best}; query ${second} is ${margin} behind.`;
}

export function describeMeasure(view, query) {
  const measure = MEASURES[view.measure].replace("{q}", query);
  return `${measure} Press a cell to see that layer and head.`;
}

export function describeSelfAttention(stack, query) {
  const shares = stack.selfAttention[query].map((share, other) => (other === query ? -1 : share));
  const most = `Query ${query} attends most to ${ranking(shares, 3, percent)}.`;
  return `Queries attend to one another too. ${most} Rows attend to columns, ordered as above.`;
}

export function describeMask(count, example) {
  if (example) return "This is a finished example: press “Look inside” first, then hide patches.";
  if (!count) return "Press or drag over patches to hide them from the model.";
  const patches = count === 1 ? "1 patch" : `${count} patches`;
  return `${patches} hidden. The answer and the scores are asked for again without them.`;
}
