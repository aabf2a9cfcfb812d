// The self-attention of the queries as a matrix, made once for a stack and then only updated.

import { describeSelfAttention } from "./descriptions.js";
import { percent } from "./formats.js";
import { cellAt } from "./numbers.js";
import { paintMap } from "./raster.js";

/** Queries x queries: how much the row attends to the column. */
export function createSelfAttention(canvas, row, description, stack, pick) {
  const { queries } = stack;
  let order = [];
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    const cell = (place, size) => order[cellAt(place, size, queries)];
    return [cell(event.clientY - box.top, box.height), cell(event.clientX - box.left, box.width)];
  };
  canvas.onpointermove = (event) => {
    const [from, to] = at(event);
    const share = percent(stack.selfAttention[from][to]);
    description.textContent =
      from === to
        ? `Query ${from} keeps ${share} for itself.`
        : `Query ${from} gives ${share} of its attention to query ${to}.`;
  };
  canvas.onpointerleave = () => (description.textContent = "");
  canvas.onclick = (event) => pick(at(event)[0]);
  return {
    draw(derived) {
      ({ order } = derived);
      const flat = Float32Array.from(
        order.flatMap((from) => order.map((to) => stack.selfAttention[from][to])),
      );
      paintMap(canvas, flat, queries, queries, { smooth: false, high: Math.max(...flat) });
      canvas.setAttribute("aria-label", describeSelfAttention(stack, derived.query));
      row.style.setProperty("--row", order.indexOf(derived.query) / queries);
      row.style.setProperty("--height", 1 / queries);
    },
  };
}
