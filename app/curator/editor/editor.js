// A text box whose draft reaches the server half a second after the last key, not only when it
// loses the focus: a reload loses nothing. Ctrl+Enter and the button save, Esc leaves and keeps the
// draft. What is sent names its item and its text, so that it never counts for others.
const DRAFT_MILLISECONDS = 500;

export default function startEditor(component) {
  const { parentElement, data, setStateValue, setTriggerValue } = component;
  const box = parentElement.querySelector("textarea");
  const label = parentElement.querySelector("label");
  label.textContent = data.label;
  const typed = () => ({ item: data.item, caption: data.caption, text: box.value });
  const draft = () => {
    clearTimeout(parentElement.timer);
    parentElement.timer = 0;
    setStateValue("draft", typed());
  };
  box.oninput = () => {
    clearTimeout(parentElement.timer);
    parentElement.timer = setTimeout(draft, DRAFT_MILLISECONDS);
  };
  const save = () => {
    clearTimeout(parentElement.timer);
    parentElement.timer = 0;
    setTriggerValue("save", typed());
  };
  parentElement.querySelector(".save").onclick = save;
  box.onblur = () => {
    if (parentElement.timer) draft(); // a click on a button does not overtake the last words
  };
  box.onkeydown = (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      event.stopPropagation();
      save();
    } else if (event.key === "Escape") {
      event.stopPropagation();
      draft();
      box.blur();
    }
  };
  // Last, as the focus may bring what was typed ahead, which is a draft like all that is typed.
  const place = `${data.item}/${data.caption}`;
  if (parentElement.dataset.place !== place) {
    clearTimeout(parentElement.timer);
    parentElement.timer = 0;
    parentElement.dataset.place = place;
    box.value = data.text;
    if (data.focus) {
      box.focus({ preventScroll: true }); // it is in sight: the page stays where it is
      box.setSelectionRange(box.value.length, box.value.length);
    }
  }
}
