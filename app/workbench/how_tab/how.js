// The links of the steps: each opens the tab that shows more of it.

/** `element` and `trigger` are those that Gradio gives a component. */
export function listenToSteps(element, trigger) {
  element.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-tab]");
    if (button) trigger("select", { tab: button.dataset.tab });
  });
}
