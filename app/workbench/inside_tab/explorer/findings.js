// What the model found when it was asked: whether a map can be trusted, what changes without some
// patches. Comes as {kind: "look" | "test" | "mask", state: "running" | "done" | "failed", ...};
// {state: "ended"} where nothing goes on any more.

const TITLES = { look: "", test: "Does this map show what counts?", mask: "Asked again" };

/** Draws a finding in its place; of no kind: whatever was going on has ended. */
function drawFinding(part, finding, halt) {
  for (const kind of Object.keys(TITLES)) {
    const place = part(kind + "-finding");
    if (finding?.kind === kind) {
      if (goesOn(place, finding)) continue;
      place.replaceChildren(...findingParts(finding, halt));
      place.hidden = false;
      if (finding.state !== "running" && kind !== "look") place.scrollIntoView({ block: "nearest" });
    } else if (kind === "look" || place.querySelector("progress")) {
      place.hidden = true;
    }
  }
}

function findingParts(finding, halt) {
  const title = TITLES[finding.kind];
  const head = title ? [make("h3", {}, title)] : [];
  if (finding.state === "failed") {
    return [...head, make("p", { class: "sorry", role: "alert" }, finding.message)];
  }
  if (finding.state === "running") return [...head, ...runningParts(finding, halt)];
  return [...head, ...(finding.kind === "test" ? testParts : maskParts)(finding.result)];
}

function runningParts(finding, halt) {
  const bar = make("progress", {});
  const button = make("button", { type: "button", onclick: halt }, "Stop");
  const said = make("p", { class: "hint" });
  tellProgress(bar, said, finding);
  return finding.kind === "look" ? [bar, said] : [make("div", { class: "running" }, bar, button), said];
}

function tellProgress(bar, said, { done, total, what }) {
  if (total) [bar.max, bar.value] = [total, done];
  else bar.removeAttribute("value");
  bar.setAttribute("aria-label", what);
  said.textContent = what + (total ? " · " + done + " of " + total : " …");
}

/** Updates what is on screen already: a button that is replaced under the pointer is not pressed. */
function goesOn(place, finding) {
  const bar = place.querySelector("progress");
  if (finding.state !== "running" || place.hidden || !bar) return false;
  tellProgress(bar, place.querySelector(".hint"), finding);
  return true;
}

// Testing a map

function testParts(result) {
  const { shown, deletion, insertion, random } = result;
  const hidden = shown.map((share) => 1 - share);
  return [
    make(
      "p",
      { class: "hint" },
      "Patches are hidden in the order of the map “" + result.map + "”, and the matching " +
        "probability is asked each time. If the map is right, the score falls early when its " +
        "strongest patches go first, and rises early when only they are shown. " +
        "Dashed: random orders.",
    ),
    make(
      "div",
      { class: "charts" },
      chart("Strongest hidden first", "patches hidden", hidden, deletion, random),
      chart("Strongest shown first", "patches shown", shown, insertion, random),
    ),
    make("p", { class: result.better ? "verdict good" : "verdict" }, result.verdict),
    make("p", { class: "hint" }, result.sanity),
  ];
}

const CHART = { width: 320, height: 180, left: 36, right: 12, top: 10, bottom: 34 };

/** A small chart: a measured curve and that of chance, both from 0 to 1. */
function chart(title, across, shares, measured, chance) {
  const { width, height, left, right, top, bottom } = CHART;
  const x = (share) => left + share * (width - left - right);
  const y = (value) => top + (1 - value) * (height - top - bottom);
  const place = (value, at) => x(shares[at]).toFixed(1) + "," + y(value).toFixed(1);
  const points = (values) => values.map(place).join(" ");
  const middle = (at, row, text) => draw("text", { x: at, y: row, "text-anchor": "middle" }, text);
  const parts = [middle(x(0.5), height - 4, across)];
  for (const value of [0, 0.5, 1]) {
    const level = y(value);
    parts.push(draw("line", { class: "rule", x1: left, x2: width - right, y1: level, y2: level }));
    parts.push(draw("text", { x: left - 6, y: level + 4, "text-anchor": "end" }, value.toFixed(1)));
    parts.push(middle(x(value), height - bottom + 15, percent(value)));
  }
  parts.push(draw("polyline", { class: "chance", points: points(chance) }));
  parts.push(draw("polyline", { class: "measured", points: points(measured) }));
  const areas = short(mean(measured)) + " on average, random orders " + short(mean(chance));
  const what = { role: "img", "aria-label": title + ": " + areas };
  const drawing = draw("svg", { viewBox: "0 0 " + width + " " + height, ...what }, ...parts);
  return make("figure", {}, drawing, make("figcaption", {}, title));
}

/** An element of a drawing. */
function draw(tag, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// Asking without patches

function maskParts(result) {
  const hidden = result.hidden + " of " + result.patches + " patches hidden";
  const { before, after } = result;
  const question = result.question ? "“" + result.question + "”" : "What the model writes about it";
  const changed = before.answer !== after.answer;
  return [
    make("p", {}, question, ", and how well “", result.text, "” fits:"),
    make("div", { class: "sides" }, side("Whole picture", before), side(hidden, after, before)),
    make(
      "p",
      { class: "hint" },
      (changed ? "The answer changed. " : "The answer stayed the same. ") +
        "Hidden is what the encoder gave for these places; the others still know a little of them.",
    ),
  ];
}

function side(title, scores, before) {
  const change = (name) => {
    if (!before) return "";
    const by = scores[name] - before[name];
    return " (" + (by < 0 ? "−" : "+") + Math.abs(by).toFixed(2) + ")";
  };
  return make(
    "div",
    { class: "side-answer" },
    make("h4", {}, title),
    make("p", { class: "answer" }, scores.answer || "(no words)"),
    make("p", {}, "Match (ITM) " + scores.itm.toFixed(2) + change("itm")),
    make("p", {}, "Cosine (ITC) " + scores.itc.toFixed(2) + change("itc")),
  );
}
