// A table of results: sort by a heading, copy a text, look inside with it, save it.

/** Sorts the rows of a table by a column; rows without a value come last. */
export function sortRows(element, order) {
  const body = element.querySelector("tbody");
  if (!body || !order) return;
  const heads = [...element.querySelectorAll("th")];
  heads.forEach((head, column) => {
    if (column === order.column) {
      head.setAttribute("aria-sort", order.falling ? "descending" : "ascending");
    } else {
      head.removeAttribute("aria-sort");
    }
  });
  const key = (row) => row.cells[order.column]?.dataset.order;
  const numbers = heads[order.column]?.className !== "text";
  const rows = [...body.rows].sort((one, other) => {
    const [left, right] = [key(one), key(other)];
    if (left === undefined || right === undefined) {
      return (left === undefined) - (right === undefined); // what has no value comes last
    }
    const difference = numbers ? left - right : left.localeCompare(right);
    return order.falling ? -difference : difference;
  });
  body.append(...rows);
}

function textOf(button) {
  return button.closest("tr").querySelector("td.text span").textContent;
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // a page that came without encryption has no clipboard of that kind
    const box = document.createElement("textarea");
    box.value = text;
    document.body.append(box);
    box.select();
    document.execCommand("copy");
    box.remove();
  }
}

/** `element`, `trigger` and `watch` are those that Gradio gives a component. */
export function listenToTable(element, trigger, watch) {
  let order = null; // {column, falling}, once the visitor chose one

  element.addEventListener("click", async (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if ("sort" in button.dataset) {
      const head = button.closest("th");
      const column = [...head.parentElement.children].indexOf(head);
      const state = head.getAttribute("aria-sort");
      const falling = state ? state === "ascending" : head.className !== "text";
      order = { column, falling };
      sortRows(element, order);
    } else if ("copy" in button.dataset) {
      await copy(textOf(button));
      button.textContent = "Copied";
      setTimeout(() => {
        button.textContent = "Copy";
      }, 1500);
    } else if ("look" in button.dataset) {
      trigger("select", { text: textOf(button) });
    } else if ("save" in button.dataset) {
      trigger("save", { text: textOf(button) });
    }
  });

  // A new table comes in the server's order; while one grows, the visitor's is kept.
  watch("value", () => {
    if (element.querySelector("tbody")) sortRows(element, order);
    else order = null;
  });
}
