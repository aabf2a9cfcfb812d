// The keys of the review page that Streamlit's own shortcuts do not cover: ? opens the help, and no
// key decides about an image that the help hides, or again and again while it is held down.
const BOX = "input, textarea, [contenteditable=true]";

export default function listenToKeys(component) {
  const { setTriggerValue } = component;
  const onKey = (event) => {
    if (event.key === "?" && !event.target.closest?.(BOX)) setTriggerValue("pressed", true);
  };
  const onHeldOrHidden = (event) => {
    if (event.target.closest?.(BOX)) return;
    const hidden = document.querySelector("[role=dialog]") && /^(.|Arrow.*)$/.test(event.key);
    if (hidden || (event.repeat && event.key.length === 1)) event.stopImmediatePropagation();
  };
  document.addEventListener("keydown", onKey);
  window.addEventListener("keydown", onHeldOrHidden, { capture: true });
  return () => {
    document.removeEventListener("keydown", onKey);
    window.removeEventListener("keydown", onHeldOrHidden, { capture: true });
  };
}
