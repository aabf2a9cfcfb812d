// What is copied has no invisible signs in it: the conversation holds word joiners, so that no text
// in it begins markup (chat_tab/transcript.py).

const JOINER = /\u2060/g;

export function visibleText(text) {
  return String(text).replace(JOINER, "");
}

/** The text that is selected, in a box or on the page. */
function selectedText() {
  const box = document.activeElement;
  if (typeof box?.selectionStart === "number") {
    return box.value.slice(box.selectionStart, box.selectionEnd);
  }
  return String(document.getSelection());
}

/** Cleans what the keyboard and the menus copy, and what buttons do. */
export function cleanCopies() {
  document.addEventListener("copy", (event) => {
    const text = selectedText();
    if (visibleText(text) === text || !event.clipboardData) return;
    event.clipboardData.setData("text/plain", visibleText(text));
    event.preventDefault();
  });
  const { clipboard } = navigator; // there is none where the page came without encryption
  if (!clipboard) return;
  const write = clipboard.writeText.bind(clipboard);
  clipboard.writeText = (text) => write(visibleText(text));
}
