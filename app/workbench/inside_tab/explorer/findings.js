// Results that need the model: the test of a map, and the answer without some patches. A finding is
// {kind: "look" | "test" | "mask", state: "running" | "done" | "failed", ...};
// {state: "ended"} where nothing runs any more.

import { chart } from "./chart.js";
import { make } from "./elements.js";

/** What stands above a finding; `tested` is the title of the map that was on screen. */
const TITLES = {
  look: () => "",
  test: (tested) => `Does ${tested ? `“${tested}”` : "this map"} show what counts?`,
  mask: () => "Asked again",
};

/** Draws a finding in its place; one of no kind means that nothing runs any more. */
export function drawFinding({ part, trigger, tested }, finding) {
  const halt = () => trigger("halt");
  for (const kind of Object.keys(TITLES)) {
    const place = part(`${kind}-finding`);
    if (finding?.kind === kind) {
      if (updateProgress(place, finding)) continue;
      place.replaceChildren(...findingParts(finding, tested, halt));
      place.hidden = false;
      if (finding.state !== "running" && kind !== "look")
        place.scrollIntoView({ block: "nearest" });
    } else if (kind === "look" || place.querySelector("progress")) {
      place.hidden = true;
    }
  }
}

function findingParts(finding, tested, halt) {
  const title = TITLES[finding.kind](tested);
  const head = title ? [make("h3", {}, title)] : [];
  if (finding.state === "failed") {
    return [...head, make("p", { class: "problem", role: "alert" }, finding.message)];
  }
  if (finding.state === "running") return [...head, ...runningParts(finding, halt)];
  return [...head, ...(finding.kind === "test" ? testParts : maskParts)(finding.result)];
}

function runningParts(finding, halt) {
  const bar = make("progress", {});
  const button = make("button", { type: "button", onclick: halt }, "Stop");
  const message = make("p", { class: "hint" });
  drawProgress(bar, message, finding);
  return finding.kind === "look"
    ? [bar, message]
    : [make("div", { class: "running" }, bar, button), message];
}

function drawProgress(bar, message, { done, total, what }) {
  if (total) [bar.max, bar.value] = [total, done];
  else bar.removeAttribute("value");
  bar.setAttribute("aria-label", what);
  message.textContent = what + (total ? ` · ${done} of ${total}` : " …");
}

/** Updates what is on screen already: a button that is replaced under the pointer is not pressed. */
function updateProgress(place, finding) {
  const bar = place.querySelector("progress");
  if (finding.state !== "running" || place.hidden || !bar) return false;
  drawProgress(bar, place.querySelector(".hint"), finding);
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
      "Patches are hidden in the order of the map “" +
        result.map +
        "”, and the matching " +
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
    make("p", { class: result.good ? "verdict good" : "verdict" }, result.verdict),
    ...(result.sanity ? [make("p", { class: "hint" }, result.sanity)] : []),
  ];
}

// Asking without patches

function maskParts(result) {
  const hidden = `${result.hidden} of ${result.patches} patches hidden`;
  const { before, after } = result;
  const question = result.question ? `“${result.question}”` : "What the model writes about it";
  const changed = before.answer !== after.answer;
  return [
    make("p", {}, question, ", and how well “", result.text, "” fits:"),
    make("div", { class: "sides" }, side("Whole image", before), side(hidden, after, before)),
    make(
      "p",
      { class: "hint" },
      (changed ? "The answer changed. " : "The answer stayed the same. ") +
        "Hidden are the encoder's outputs at these patches; other outputs still carry traces of them.",
    ),
  ];
}

function side(title, scores, before) {
  const change = (name) => {
    if (!before) return "";
    const by = scores[name] - before[name];
    return ` (${by < 0 ? "−" : "+"}${Math.abs(by).toFixed(2)})`;
  };
  return make(
    "div",
    { class: "side-answer" },
    make("h4", {}, title),
    make("p", { class: "answer" }, scores.answer || "(no words)"),
    make("p", {}, `Match (ITM) ${scores.itm.toFixed(2)}${change("itm")}`),
    make("p", {}, `Cosine (ITC) ${scores.itc.toFixed(2)}${change("itc")}`),
  );
}
