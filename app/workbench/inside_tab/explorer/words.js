// The words of each text as buttons, made once for a stack and then only updated.

import { make, markChosen } from "./elements.js";
import { MEAN } from "./numbers.js";

/** The words of each text as buttons, by position: the same word twice is two buttons. */
export function createWords(group, stack, set) {
  const rows = stack.texts.map((text, which) => {
    const buttons = [MEAN, ...text.tokens.keys()].map((token) =>
      make(
        "button",
        {
          type: "button",
          class: token === MEAN ? "word all" : "word",
          "data-token": token,
          "data-text": which,
          onclick: () => set({ text: which, token }),
        },
        token === MEAN ? "all words" : text.tokens[token],
      ),
    );
    const row = make(
      "div",
      { class: "tokens", role: "group", "aria-label": text.title },
      ...buttons,
    );
    return { text, which, buttons, row, share: make("span", { class: "share" }) };
  });
  group.replaceChildren(
    ...rows.map(({ text, row, share }) =>
      make(
        "div",
        { class: "text" },
        make("div", { class: "text-title" }, make("h3", {}, text.title), share),
        row,
      ),
    ),
  );
  return {
    draw(view, derived) {
      const query = view.hovered ?? derived.shownQuery;
      for (const row of rows) drawWordShares(row, view, query);
    },
  };
}

/** Underlines each word by how much a query attends to it, where one is chosen or pointed at. */
function drawWordShares({ text, which, buttons, share }, view, query) {
  const shares = query === null || !text.shares ? [] : text.shares.map((row) => row[query]);
  const most = Math.max(0, ...shares);
  for (const button of buttons) {
    const part = most > 0 ? (shares[Number(button.dataset.token)] ?? 0) / most : 0;
    button.style.setProperty("--share", part);
  }
  share.textContent =
    most > 0
      ? `underlined: how much query ${query} attends to each word`
      : text.note || "press a word to see its map";
  const here = view.token !== null && view.text === which;
  markChosen(buttons, (button) => here && Number(button.dataset.token) === view.token);
}
