// A text box whose draft reaches the server half a second after the last key, not only when it
// loses the focus: a reload loses nothing. Ctrl+Enter saves, Esc leaves and keeps the draft.
const DRAFT_MILLISECONDS = 500;

export default function (component) {
  const { parentElement, data, setStateValue, setTriggerValue } = component;
  const box = parentElement.querySelector("textarea");
  const label = parentElement.querySelector("label");
  label.textContent = data.label;
  if (parentElement.dataset.caption !== String(data.caption)) {
    parentElement.dataset.caption = String(data.caption);
    box.value = data.text;
    if (data.focus) {
      box.focus();
      box.setSelectionRange(box.value.length, box.value.length);
    }
  }
  const draft = () => setStateValue("draft", { caption: data.caption, text: box.value });
  box.oninput = () => {
    clearTimeout(parentElement.timer);
    parentElement.timer = setTimeout(draft, DRAFT_MILLISECONDS);
  };
  box.onkeydown = (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      event.stopPropagation();
      clearTimeout(parentElement.timer);
      setTriggerValue("save", { caption: data.caption, text: box.value });
    } else if (event.key === "Escape") {
      event.stopPropagation();
      clearTimeout(parentElement.timer);
      draft();
      box.blur();
      setTriggerValue("leave", { caption: data.caption });
    }
  };
}
