// Two maps in words.

import { percent, placeOf } from "./formats.js";
import { argmax, correlation, totalVariation } from "./numbers.js";
import { titleOf } from "./sentences.js";

export const SAME_LIMIT = 0.0005; // maps of which less lies elsewhere are called the same

/** What a map is called beside another: its text may be another too. */
export function compareName(stack, view, derived) {
  const title = titleOf(stack, view, derived);
  if (derived.text?.id === "answer") return `${title} · by ${stack.answer.model}`;
  if (!stack.text) return title;
  const unfit = stack.fits === false ? ", which does not fit" : "";
  return `${title} · for “${stack.text}”${unfit}`;
}

const METHOD =
  "Each map counts as shares of its whole: compared is where the weight lies, not how much there " +
  "is. Both are on one scale, whatever is chosen under Colours. ";

/** Two maps in words, each as shares of its whole. `difference` is null where their grids differ. */
export function describeComparison(kept, stack, before, now, difference) {
  if (!difference) {
    const grids = [kept, stack].map(({ rows, cols }) => `${rows} × ${cols}`).join(" and ");
    return `${METHOD}The grids differ (${grids} patches), so no difference is drawn.`;
  }
  const moved = totalVariation(difference);
  if (moved < SAME_LIMIT) {
    const next = "Choose another word, query or layer; or another text or image, and press";
    return `${METHOD}The two are the same. ${next} “Look inside”.`;
  }
  const place = (patch) => placeOf(patch, stack.rows, stack.cols);
  const more = place(argmax(difference));
  const less = place(argmax(difference.map((value) => -value)));
  const shape = correlation(before, now).toFixed(2).replace("-", "−");
  const parts = [
    `${percent(moved)} of the map lies elsewhere: most was gained ${more}, most lost ${less}.`,
    `Correlation ${shape} (1: the same shape; 0: nothing in common; below 0: the opposite).`,
  ];
  if (kept.src !== stack.image.src) {
    parts.push("The images differ: the difference is drawn on the one on screen.");
  }
  return METHOD + parts.join(" ");
}
