// The images for the next run: what is typed stands beside its image, wherever the list puts that.

/** Returns what stands beside each image on screen, in their order, as JSON. */
export function typedTexts(element) {
  const cards = [...(element?.querySelectorAll("[data-key]") ?? [])];
  return JSON.stringify(
    cards.map((card) => ({
      key: card.dataset.key,
      words: card.querySelector("textarea").value,
    })),
  );
}

/** `element`, `trigger` and `watch` are those that Gradio gives a component. */
export function listenToGiven(element, trigger, watch) {
  const typed = new Map(); // key of an image -> what stands in its box

  element.addEventListener("input", (event) => {
    const card = event.target.closest("[data-key]");
    if (card) typed.set(card.dataset.key, event.target.value);
  });
  element.addEventListener("change", (event) => {
    const card = event.target.closest("[data-key]");
    if (card) trigger("input", { key: card.dataset.key, words: event.target.value });
  });

  function fill() {
    // Gradio changes the cards place by place: a box may have stood beside another image before.
    for (const card of element.querySelectorAll("[data-key]")) {
      const { key, words } = card.dataset;
      card.querySelector("textarea").value = typed.get(key) ?? words;
    }
  }
  watch("value", fill);
  fill();
}
