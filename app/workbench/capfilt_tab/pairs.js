// Pairs of images and texts: accept, reject, edit in place, ask why.

/** Buttons outside of the cards that would pass over an edit which is open. */
const PASSES_OVER = "#pairs-begin, #pair-samples, #accept-kept, #accept-undo, #pair-save";
const STORED = "capfilt edit";

/** `element`, `trigger` and `watch` are those that Gradio gives a component. */
export function listenToPairs(element, trigger, watch) {
  let draft = restored(); // {run, card, text, words, start}: an edit that survives a new drawing

  const numberOf = (part, name) => Number(part.closest(`[data-${name}]`).dataset[name]);
  const run = () => element.querySelector("[data-run]")?.dataset.run ?? "";

  function restored() {
    return JSON.parse(globalThis.sessionStorage?.getItem(STORED) ?? "null");
  }

  function remember() {
    globalThis.sessionStorage?.setItem(STORED, JSON.stringify(draft));
  }

  function find(card, text) {
    return element.querySelector(`[data-card="${card}"] [data-text="${text}"]`);
  }

  const rowOfDraft = () => (draft && draft.run === run() ? find(draft.card, draft.text) : null);
  const wordsOf = (row) => row.querySelector(".words span").textContent;

  function openEditor({ focus = true } = {}) {
    const row = rowOfDraft();
    if (!row || row.querySelector("textarea")) return;
    const box = document.createElement("textarea");
    box.rows = 2;
    box.maxLength = 1000;
    box.value = draft.words;
    box.setAttribute("aria-label", "The edited text");
    const bar = document.createElement("p");
    bar.className = "editing";
    for (const [act, label] of [
      ["save", "Score it"],
      ["cancel", "Cancel"],
    ]) {
      const button = document.createElement("button");
      button.type = "button";
      button.dataset.act = act;
      button.textContent = label;
      bar.append(button);
    }
    row.append(box, bar);
    if (focus) box.focus();
    box.setSelectionRange(draft.start ?? box.value.length, draft.start ?? box.value.length);
  }

  function removeEditors() {
    for (const part of element.querySelectorAll("textarea, .editing, .open-edit")) part.remove();
  }

  function closeEditor() {
    const row = rowOfDraft();
    removeEditors();
    draft = null;
    remember();
    return row;
  }

  /** Whether an edit is open whose words are not scored; if so the visitor is asked about it. */
  function isOpen() {
    const row = rowOfDraft();
    if (!row || draft.words.trim() === wordsOf(row).trim()) return false;
    openEditor();
    row.querySelector(".open-edit")?.remove();
    const question = document.createElement("p");
    question.className = "open-edit";
    question.setAttribute("role", "alert");
    question.textContent = "This edit is open. Score it or cancel it first.";
    row.append(question);
    row.querySelector("textarea").focus();
    return true;
  }

  function save() {
    const { card, text, words } = draft;
    closeEditor();
    if (words.trim()) trigger("edit", { run: run(), card, text, words });
  }

  element.addEventListener("input", (event) => {
    if (!draft || event.target.tagName !== "TEXTAREA") return;
    draft.words = event.target.value;
    draft.start = event.target.selectionStart;
    remember();
  });

  element.addEventListener("keydown", (event) => {
    if (event.target.tagName !== "TEXTAREA") return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) save();
    if (event.key === "Escape") {
      event.stopPropagation(); // it would stop what runs
      closeEditor()?.querySelector("[data-act=edit]").focus();
    }
  });

  element.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-act]");
    if (!button) return;
    const { act, verdict } = button.dataset;
    if (act === "save") return save();
    if (act === "cancel") return closeEditor()?.querySelector("[data-act=edit]").focus();
    const [card, text] = [numberOf(button, "card"), numberOf(button, "text")];
    const isOfDraft = draft?.card === card && draft?.text === text;
    if ((act === "edit" || (act === "decide" && isOfDraft)) && isOpen()) return;
    if (act === "decide") {
      const isSet = button.getAttribute("aria-pressed") === "true";
      trigger("decide", { run: run(), card, text, verdict: isSet ? "" : verdict });
    } else if (act === "why") trigger("why", { run: run(), card, text });
    else {
      closeEditor();
      draft = { run: run(), card, text, words: wordsOf(find(card, text)) };
      openEditor();
    }
  });

  // Before Gradio hears of it: what is pressed here concerns all texts, the open one too.
  document.addEventListener(
    "click",
    (event) => {
      if (!event.target.closest?.(PASSES_OVER) || !isOpen()) return;
      event.preventDefault();
      event.stopImmediatePropagation();
    },
    { capture: true },
  );

  watch("value", () => {
    // Whoever is at another control, such as the threshold that draws all this anew, stays there.
    const at = document.activeElement;
    const focus = !at || at === document.body || element.contains(at);
    removeEditors(); // Gradio changes the rows place by place: one may stand at another text now
    openEditor({ focus });
  });
  openEditor({ focus: false }); // where the cards were there first, as after a reload
}
