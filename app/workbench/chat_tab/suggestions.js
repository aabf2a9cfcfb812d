// The buttons below the question box, which are drawn anew as the model and the talk change.

/** `element` holds the buttons; `trigger` is the one that Gradio gives a component. */
export function listenToSuggestions(element, trigger) {
  element.addEventListener("click", (event) => {
    const pressed = event.target.closest("button");
    if (!pressed) return;
    if ("anyway" in pressed.dataset) trigger("ask_anyway");
    else trigger("ask", { words: pressed.textContent });
  });
}
