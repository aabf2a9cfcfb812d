// The address of the page says what is open. What changes on the page is written into it, tab, model
// and image as steps that "back" undoes; a reload, "back" and "forward" ask the server for what the
// address names.

const RECEIPTS = "receipts"; // images that this tab of the browser has uploaded: key -> receipt
const MOST_RECEIPTS = 8;

/** Returns the query after some changes; an empty value takes a field away. */
export function changedQuery(query, changes) {
  const fields = new URLSearchParams(query);
  for (const [name, value] of Object.entries(changes)) {
    if (value) fields.set(name, value);
    else fields.delete(name);
  }
  return fields.toString();
}

/** Returns the receipts with a new one, the oldest left out where there are too many. */
export function withReceipt(receipts, key, receipt) {
  const others = Object.entries(receipts).filter(([known]) => known !== key);
  return Object.fromEntries([...others, [key, receipt]].slice(-MOST_RECEIPTS));
}

function storedReceipts() {
  try {
    return JSON.parse(sessionStorage.getItem(RECEIPTS)) ?? {};
  } catch {
    return {}; // no storage, or something else in it
  }
}

/** `props`, `trigger` and `watch` are Gradio's; `tabs` are the names of the tabs, in their order. */
export function keepAddress(props, trigger, watch, tabs) {
  const query = () => new URLSearchParams(location.search);
  const write = (changes, step) => {
    const next = changedQuery(location.search, changes);
    if (next === query().toString()) return;
    const address = location.pathname + (next ? `?${next}` : "") + location.hash;
    history[step ? "pushState" : "replaceState"](history.state, "", address);
  };
  // Until the server has read the address, what it says of the page is not yet that of the address.
  let reading = false;
  const visit = (isArrival) => {
    reading = true;
    const receipt = storedReceipts()[query().get("image")] ?? "";
    trigger("visit", { query: location.search, receipt, arrival: isArrival });
  };
  document.addEventListener("address-is-read", () => {
    if (location.search) visit(true);
  });
  window.addEventListener("popstate", () => visit(false));

  // The server tells what it has seen of the page, and what was seen first may be told last.
  let newest = 0; // number of the latest place that was written
  let meanwhile = null; // told while an address was being read
  const follow = (state) => {
    const { place } = state;
    if ("item" in place) {
      if (state.number < newest) return;
      newest = state.number;
    }
    const other = "item" in place && place.item !== (query().get("item") ?? "");
    write(other ? { ...place, text: "" } : place, state.step);
  };

  watch("state", () => {
    const state = props.state;
    if (!state) return;
    if (state.receipt) {
      const receipts = withReceipt(storedReceipts(), state.place.image, state.receipt);
      try {
        sessionStorage.setItem(RECEIPTS, JSON.stringify(receipts));
      } catch {
        // no storage: after a reload the image is not there
      }
    }
    if (reading && state.step) {
      meanwhile = state;
      return;
    }
    follow(state);
    if (!state.visited) return;
    reading = false;
    if (meanwhile) follow(meanwhile);
    meanwhile = null;
  });

  const open = () => {
    const all = [...document.querySelectorAll("#tabs [role=tab]")];
    const at = all.findIndex((tab) => tab.getAttribute("aria-selected") === "true");
    if (at < 0) return;
    const named = query().get("tab");
    if (tabs[at] !== (tabs.includes(named) ? named : tabs[0])) write({ tab: tabs[at] }, true);
  };
  const bar = document.querySelector("#tabs") ?? document.body;
  new MutationObserver(open).observe(bar, { subtree: true, attributeFilter: ["aria-selected"] });
}
