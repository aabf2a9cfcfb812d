// The keys of the pages that Streamlit's own shortcuts do not cover: ? opens the help, no key
// decides about an image that the help hides or again and again while it is held down, and what is
// typed after E while the editor is on its way is no key at all: it goes into the editor.
const BOX = "input, textarea, [contenteditable=true]";
const EDIT = '[class*="st-key-key-E-"] button:not([disabled])';
const EDITOR = "caption-editor";
const LONGEST_WAIT = 10000; // milliseconds; an editor that has not come by then comes no more

export default function listenToKeys(component) {
  const { setTriggerValue } = component;
  let ahead = null; // what was typed since E; null where no editor is on its way
  let since = 0;

  const onKey = (event) => {
    if (event.key === "?" && !event.target.closest?.(BOX)) setTriggerValue("pressed", true);
  };
  const onClick = (event) => {
    if (event.target.closest?.(".show-keys")) setTriggerValue("pressed", true);
  };
  const swallow = (event) => {
    event.preventDefault();
    event.stopImmediatePropagation();
  };
  const isLetter = (event) =>
    event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey;
  const typeAhead = (event) => {
    if (isLetter(event)) ahead += event.repeat ? "" : event.key;
    else if (event.key === "Backspace") ahead = ahead.slice(0, -1);
    else if (event.key === "Escape") ahead = null;
    if (isLetter(event) || event.key === "Backspace") swallow(event);
  };
  const openEditor = (event) => {
    const box = document.getElementById(EDITOR);
    if (box) {
      swallow(event); // it is there, and only has to be gone to
      box.focus({ preventScroll: true });
    } else if (document.querySelector(EDIT)) [ahead, since] = ["", Date.now()];
  };
  const onKeyFirst = (event) => {
    if (event.target.closest?.(BOX)) return;
    if (ahead !== null && Date.now() - since < LONGEST_WAIT) {
      typeAhead(event);
      return;
    }
    ahead = null;
    const hidden = document.querySelector("[role=dialog]") && /^(.|Arrow.*)$/.test(event.key);
    if (hidden || (event.repeat && event.key.length === 1)) event.stopImmediatePropagation();
    else if (event.key === "e" && isLetter(event)) openEditor(event);
  };
  const onFocus = (event) => {
    if (event.target.id !== EDITOR) return;
    const [box, typed] = [event.target, ahead];
    ahead = null;
    if (!typed) return;
    box.value += typed;
    box.dispatchEvent(new Event("input"));
  };
  document.addEventListener("keydown", onKey);
  document.addEventListener("click", onClick);
  document.addEventListener("focusin", onFocus);
  window.addEventListener("keydown", onKeyFirst, { capture: true });
  return () => {
    document.removeEventListener("keydown", onKey);
    document.removeEventListener("click", onClick);
    document.removeEventListener("focusin", onFocus);
    window.removeEventListener("keydown", onKeyFirst, { capture: true });
  };
}
