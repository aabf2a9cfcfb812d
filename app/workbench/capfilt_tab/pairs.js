// Pairs of images and texts: accept, reject, edit in place, ask why.

/** `element`, `trigger` and `watch` are those that Gradio gives a component. */
export function listenToPairs(element, trigger, watch) {
  let draft = null; // {card, text, words, start}: an edit that survives a new drawing

  const numberOf = (part, name) => Number(part.closest(`[data-${name}]`).dataset[name]);

  function find(card, text) {
    return element.querySelector(`[data-card="${card}"] [data-text="${text}"]`);
  }

  function openEditor({ focus = true } = {}) {
    const row = draft && find(draft.card, draft.text);
    if (!row || row.querySelector("textarea")) return;
    const box = document.createElement("textarea");
    box.rows = 2;
    box.maxLength = 1000;
    box.value = draft.words;
    box.setAttribute("aria-label", "The edited text");
    const bar = document.createElement("p");
    bar.className = "actions";
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

  function closeEditor() {
    const row = draft && find(draft.card, draft.text);
    row?.querySelector("textarea")?.remove();
    row?.querySelector("[data-act=save]")?.parentElement.remove();
    draft = null;
    return row;
  }

  function save() {
    const { card, text, words } = draft;
    closeEditor();
    if (words.trim()) trigger("edit", { card, text, words });
  }

  element.addEventListener("input", (event) => {
    if (!draft || event.target.tagName !== "TEXTAREA") return;
    draft.words = event.target.value;
    draft.start = event.target.selectionStart;
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
    if (act === "decide") trigger("decide", { card, text, verdict });
    else if (act === "why") trigger("why", { card, text });
    else {
      closeEditor();
      draft = { card, text, words: find(card, text).querySelector(".words span").textContent };
      openEditor();
    }
  });

  watch("value", () => {
    // Whoever is at another control, such as the threshold that draws all this anew, stays there.
    const at = document.activeElement;
    const focus = !at || at === document.body || element.contains(at);
    // Gradio changes the rows place by place, so what an editor left behind goes first.
    for (const box of element.querySelectorAll("textarea")) box.remove();
    for (const button of element.querySelectorAll("[data-act=save]")) button.parentElement.remove();
    openEditor({ focus });
  });
}
