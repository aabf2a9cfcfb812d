// The dialog that saves to a dataset: shown when the server writes it, with the dataset chosen last.

const CHOSEN = "dataset saved to";

/** `element`, `trigger` and `watch` are those that Gradio gives a component. */
export function listenToSaving(element, trigger, watch) {
  // Of its own, as Gradio changes what it draws place by place.
  const dialog = document.createElement("dialog");
  dialog.className = "save-to-dataset";
  dialog.setAttribute("aria-label", "Save to dataset");
  (element.closest(".gradio-container") ?? document.body).append(dialog);

  const field = (name) => dialog.querySelector(`[name=${name}]`);

  function showName() {
    dialog.querySelector(".new").hidden = field("dataset").value !== "";
  }

  function open() {
    const content = element.querySelector(".save-content");
    if (!content) return;
    dialog.innerHTML = content.innerHTML;
    const select = field("dataset");
    if (select) {
      const last = globalThis.localStorage?.getItem(CHOSEN);
      if ([...select.options].some((option) => option.value === last)) select.value = last;
      showName();
    }
    if (!dialog.open) dialog.showModal();
  }

  dialog.addEventListener("change", (event) => {
    if (event.target === field("dataset")) showName();
  });
  dialog.addEventListener("click", (event) => {
    if (event.target.closest("[data-close]")) dialog.close();
  });
  dialog.addEventListener("keydown", (event) => event.stopPropagation()); // Esc closes, no more
  dialog.addEventListener("submit", (event) => {
    event.preventDefault();
    const dataset = (field("dataset").value || field("new").value).trim();
    globalThis.localStorage?.setItem(CHOSEN, dataset);
    const button = dialog.querySelector("[type=submit]");
    button.disabled = true; // once is enough
    button.textContent = "Saving …";
    trigger("submit", {
      offer: event.target.getAttribute("data-offer"), // a form has its fields as properties
      dataset,
      texts: [...dialog.querySelectorAll("[name=text]")]
        .filter((tick) => tick.checked)
        .map((tick) => Number(tick.value)),
    });
  });

  watch("value", open);
}
