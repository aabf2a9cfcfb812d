// The keys of the tab that is open, in a dialog.
const CLASS = "keys-help";

/** Whether the dialog is open. */
export const isShown = () => document.querySelector(`.${CLASS}`) !== null;

/** Opens the dialog. `keys` are rows of a key, what it does and, where it is of one tab alone, the
 * label of that tab.
 */
export function showKeys(keys) {
  if (isShown()) return;
  const open = document.querySelector("#tabs [role=tab][aria-selected=true]");
  const tab = open?.textContent.trim();
  const dialog = newElement("dialog", "", { class: CLASS, "aria-label": "Keys" });
  dialog.append(newElement("h2", tab ? `Keys of ${tab}` : "Keys"));
  const table = newElement("table");
  for (const [key, does, of] of keys) {
    if (of && of !== tab) continue;
    const row = newElement("tr");
    const head = newElement("th", "", { scope: "row" });
    head.append(newElement("kbd", key));
    row.append(head, newElement("td", does));
    table.append(row);
  }
  const close = newElement("button", "Close", { type: "button" });
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  dialog.append(table, close);
  document.body.append(dialog);
  dialog.showModal();
}

function newElement(tag, text = "", attributes = {}) {
  const made = document.createElement(tag);
  made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}
