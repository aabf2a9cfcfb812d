// Elements of the page. Text of the visitor or the model enters it by textContent alone.

/** An element with attributes and children; strings become text, never markup. */
export function make(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** Marks one of a group's buttons as chosen; it is the one that Tab reaches. */
export function markChosen(buttons, isChosen) {
  const within = buttons.includes(document.activeElement);
  const marked = buttons.filter((button) => isChosen(button));
  for (const button of buttons) {
    const pressed = marked.includes(button);
    button.setAttribute("aria-pressed", String(pressed));
    button.tabIndex = pressed || (!marked.length && button === buttons[0]) ? 0 : -1;
  }
  if (within && marked.length) marked[0].focus();
}

export function fillTicks(place, ticks) {
  place.replaceChildren(...ticks.map((tick) => make("span", {}, tick)));
}

/** An element of a drawing. */
export function makeDrawn(tag, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}
