// Maps and numbers in words.

const WARNING = "Attention shows where the model looked, not why it answered.";
const FAINT_PEAK = 0.35;
const MEASURES = {
  focus: "How sharply query {q} looks in each layer and head: 0% is an even gaze, 100% one patch.",
  class: "How much of query {q}'s attention goes to the class token, which is no place.",
  peak: "The largest share of query {q}'s attention on one patch.",
};

function percent(share) {
  const value = share * 100;
  return (value < 0.05 || value >= 9.95 ? value.toFixed(0) : value.toFixed(1)) + "%";
}

/** Two telling digits, never an exponent. */
function short(value) {
  if (value === 0) return "0";
  const digits = Math.max(0, Math.min(6, 1 - Math.floor(Math.log10(Math.abs(value)))));
  return value.toFixed(digits);
}

/** Where in the picture a patch lies, in words. */
function placeOf(patch, rows, cols) {
  const third = (at, count) => Math.min(2, Math.floor(((at + 0.5) / count) * 3));
  const places = [
    ["at upper left", "at the top", "at upper right"],
    ["at the left", "at the centre", "at the right"],
    ["at lower left", "at the bottom", "at lower right"],
  ];
  return places[third(Math.floor(patch / cols), rows)][third(patch % cols, cols)];
}

/** What a map shows: its peak and how much lies in few patches; or that it is flat. */
function describeMap(map, stack) {
  if (isFlat(map, stack.flat)) return "A flat map: no part of the picture stands out.";
  const count = Math.max(1, Math.round(map.length * 0.05));
  const top = [...map].sort((a, b) => b - a).slice(0, count);
  const even = isNearlyEven(map) ? "Nearly even; " : "";
  const said =
    "strongest " + placeOf(indexOfMax(map), stack.rows, stack.cols) + ", with " +
    percent(total(top) / total(map)) + " of the map inside " +
    percent(count / map.length) + " of the picture.";
  return even + (even ? said : said[0].toUpperCase() + said.slice(1));
}

/** Which layer and head a view shows. */
function describeDepth(stack, view) {
  const layer = view.layer === MEAN ? "mean of all layers" : "layer " + stack.layers[view.layer];
  const head = view.head === MEAN ? "mean of all heads" : "head " + view.head;
  return layer + ", " + head;
}

/** All that is written about the map on screen. */
function describe(stack, view, look) {
  const shares = !look.text && look.signal.unit === "share";
  const number = shares ? percent : short;
  const own = view.scale === "own" ? "own scale, not comparable; " : "";
  return {
    title: titleOf(stack, view, look),
    said: [describeMap(look.map, stack), describeSource(view, look), describeFaint(stack, look)]
      .filter(Boolean)
      .join(" "),
    method: look.text ? look.text.hint : look.signal.hint,
    ticks: ticksOf(look, number),
    unit: own + (shares ? "share of the query's attention, per patch" : "relevance, per patch"),
    legend: describeLegend(look, view),
    name: fileName(titleOf(stack, view, look)),
  };
}

/** Under the two ends and the middle of the scale; a clipped one ends with "at least". */
function ticksOf({ map, shownHigh }, number) {
  const clipped = Math.max(...map) > shownHigh * 1.001;
  const ticks = [0, shownHigh / 2, shownHigh].map(number);
  return clipped ? [...ticks.slice(0, 2), "≥ " + ticks[2]] : ticks;
}

function titleOf(stack, view, look) {
  if (look.text && view.token === MEAN) return look.text.title + " · all words";
  if (look.text) {
    const word = "“" + look.text.tokens[view.token] + "”";
    return look.text.title + " · " + word + ", word " + (view.token + 1);
  }
  if (look.signal.map) {
    const whose = look.signal.id === "winner" ? "query " + look.winner : "the whole text";
    return look.signal.label + " · " + whose;
  }
  const depth = look.signal.maps ? look.signal.label.toLowerCase() : describeDepth(stack, view);
  return "Query " + view.query + " · " + depth;
}

/** What the map leaves out, or where it comes from. */
function describeSource(view, look) {
  const { text } = look;
  if (text && view.token !== MEAN) {
    const shares = text.shares?.[view.token] ?? text.slots[view.token];
    const sum = total(shares) || 1;
    const most = ranking(shares, 3, (share) => percent(share / sum));
    if (!text.onPicture) return "It was heard most by queries " + most + ".";
    const onPicture = percent(text.onPicture[view.token]);
    const read = " of what the model attended to was the picture; there it read queries ";
    return onPicture + read + most + ".";
  }
  const share = look.single ? null : look.classShares[view.query];
  return share === null ? "" : percent(share) + " goes to the class token, which is no place.";
}

/** Why hardly anything is seen on the picture, where others share the scale and are stronger. */
function describeFaint(stack, { map, shownHigh }) {
  const share = Math.max(...map) / shownHigh;
  if (isFlat(map, stack.flat) || share > FAINT_PEAK) return "";
  return "Faint here: its peak is " + percent(share) + " of the highest on this scale. " +
    "Under Colours, “each on its own scale” shows its shape.";
}

/** The largest of some numbers with their indices: "7 (12%), 3 (9.1%)". */
function ranking(values, count, number) {
  const order = [...values.keys()].sort((a, b) => values[b] - values[a]).slice(0, count);
  return order.map((index) => index + " (" + number(values[index]) + ")").join(", ");
}

function describeLegend(look, view) {
  const scale = {
    shared: "One colour scale for all queries, so maps can be compared.",
    stack: "One colour scale for all queries, layers and heads.",
    own: "Each map on its own scale: colours of different maps cannot be compared.",
  }[view.scale];
  const below = [
    look.classShares[0] === null ? "" : "attention left on the class token",
    "spread in bits (less is more focused)",
    look.cosines ? "cosine with the text" : "",
    "the query that looks most alike",
  ];
  return scale + " Below each: " + below.filter(Boolean).join("; ") + ".";
}

function describePatch(patch, stack, look) {
  if (patch === null) return "Point at the picture: which queries look there?";
  const number = look.signal.unit === "share" ? percent : short;
  const row = Math.floor(patch / stack.cols) + 1;
  const column = (patch % stack.cols) + 1;
  const names = ranking(look.lookers, 4, number);
  return "Row " + row + ", column " + column + ": queries " + names + " look here most.";
}

function describeMatch({ cosines, winner, second }) {
  if (!cosines) return "";
  const how = "Each query gives its own vector; the text is compared with all, and the closest counts.";
  const best = " Query " + winner + " wins with a cosine of " + cosines[winner].toFixed(3);
  if (second === null) return how + best + ".";
  const margin = (cosines[winner] - cosines[second]).toFixed(3);
  return how + best + "; query " + second + " is " + margin + " behind.";
}

function describeMeasure(view) {
  return MEASURES[view.measure].replace("{q}", view.query) + " Press a cell to look through it.";
}

function describeListening(stack, query) {
  const shares = stack.pairs[query].map((share, other) => (other === query ? -1 : share));
  const most = "Query " + query + " listens most to " + ranking(shares, 3, percent) + ".";
  return "Queries also read one another. " + most + " Rows listen, columns are heard, in the order chosen above.";
}

/** What a map is called beside another: its text may be another too. */
function compareName(stack, view, look) {
  const title = titleOf(stack, view, look);
  if (look.text?.id === "answer") return title + " · by " + stack.answer.model;
  return stack.text ? title + " · for “" + stack.text + "”" : title;
}

/** Two maps in words, each as shares of its whole. */
function describeComparison(kept, stack, before, now, difference) {
  const how = "Each map counts as shares of its whole: what is compared is where, not how much. " +
    "Both are on one scale, whatever is chosen under Colours. ";
  const said = (text) => ({ "compare-said": how + text });
  if (!difference) {
    const grids = [kept, stack].map(({ rows, cols }) => rows + " × " + cols);
    return said("The grids differ (" + grids.join(" and ") + " patches), so no difference is drawn.");
  }
  const moved = movedShare(difference);
  if (moved < SAME) {
    return said("The two are the same. Choose another word, query or layer; or another text or " +
      "picture, and press “Look inside”.");
  }
  const place = (patch) => placeOf(patch, stack.rows, stack.cols);
  const more = place(indexOfMax(difference));
  const less = place(indexOfMax(difference.map((value) => -value)));
  const other = kept.src === stack.picture.src ? "" :
    " The pictures differ: the difference is drawn on the one on screen.";
  return said(percent(moved) + " of the map lies elsewhere: most was gained " + more + ", most lost " +
    less + ". Likeness " + likeness(before, now).toFixed(2).replace("-", "−") + " (1 is the same shape, 0 nothing in common, less the opposite)." + other);
}

function describeMask(count, example) {
  if (example) return "This is a finished example: press “Look inside” first, then hide patches.";
  if (!count) return "Press or drag over patches to hide them from the model.";
  const patches = count + (count === 1 ? " patch" : " patches") + " hidden. ";
  return patches + "The answer and the scores are asked for again without them.";
}

function fileName(text) {
  return text.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "");
}
