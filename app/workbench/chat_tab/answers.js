// What can be done with an answer: "Why?" below each, "Go on" below the latest one that is not whole.

const NO_ANSWER = /^I was never taught to answer this\./;
const UNFINISHED = /\S … \((cut off by the token limit|stopped)\)$/;

/** The actions that fit a message; none to a line between messages, or while nothing stands. */
export function actionsFor(text, isLatest) {
  const words = text.trim();
  if (!words || words === "…" || words === "… (stopped)" || NO_ANSWER.test(words)) return [];
  const actions = [{ act: "why", label: "Why?" }];
  if (isLatest && UNFINISHED.test(words)) actions.push({ act: "go on", label: "Go on" });
  return actions;
}

/** Puts buttons below the answers of Gradio's chatbot `chat`, where they are missing or changed. */
export function drawActions(chat) {
  const rows = [...chat.querySelectorAll(".message-row")];
  rows.forEach((row, index) => {
    const next = row.nextElementSibling;
    const bar = next?.matches(".message-buttons") && next.querySelector(".icon-button-wrapper");
    const message = row.querySelector('[data-testid="bot"]');
    if (!bar) return;
    const isLatest = rows.slice(index + 1).every(isLine);
    // The chatbot may show another message in the same row, where a line came between.
    const isAnswer = message && !isLine(row);
    const wanted = isAnswer ? actionsFor(message.textContent, isLatest) : [];
    const known = [...bar.querySelectorAll("[data-act]")];
    const same =
      known.length === wanted.length &&
      known.every((one, at) => one.dataset.act === wanted[at].act);
    for (const one of known) one.dataset.index = index;
    if (same) return;
    for (const one of known) one.remove();
    bar.append(...wanted.map(({ act, label }) => button(act, label, index)));
  });
}

/** Whether a row is no message but a line between them. */
function isLine(row) {
  return Boolean(row.querySelector(".thought-group, .thought, .title-text"));
}

function button(act, label, index) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "answer-action";
  made.dataset.act = act;
  made.dataset.index = index;
  made.textContent = label;
  return made;
}

/** `trigger` is the one that Gradio gives a component. The chatbot may be drawn later than it, and
 * anew, so that the page is watched and not the chatbot. */
export function listenToAnswers(trigger, page = document.body) {
  let waiting = false;
  function draw() {
    waiting = false;
    const chat = page.querySelector("#chat");
    if (chat) drawActions(chat);
  }
  new MutationObserver(() => {
    if (!waiting) requestAnimationFrame(draw);
    waiting = true;
  }).observe(page, { childList: true, subtree: true, characterData: true });
  page.addEventListener("click", (event) => {
    const pressed = event.target.closest("#chat .answer-action");
    if (!pressed) return;
    const index = Number(pressed.dataset.index);
    if (pressed.dataset.act === "why") trigger("why", { index });
    else trigger("go_on", { index });
  });
  draw();
}
