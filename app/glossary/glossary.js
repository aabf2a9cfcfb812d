// The glossary: terms are underlined where they stand on the page, pressing one tells its sentence,
// and G or an element with data-glossary opens the list. The page's own elements stay as they are:
// both frameworks lose their way where text that they have drawn is wrapped in elements.

const NOT_HERE =
  "script, style, noscript, svg, textarea, input, select, button, a, summary, [contenteditable], " +
  "[role=tab], [role=button], [role=option], #chat, #glossary, " +
  "label:has(input[type=radio], input[type=checkbox])";
const HOSTS = "body, .stApp"; // what has the colours of the page: Gradio's is the body
const REST = 400; // milliseconds without a change after which the page is read again

/** Returns what finds the terms in a text; longer forms come first, as one may begin another. */
export function termFinder(terms) {
  const meant = new Map();
  for (const term of terms) {
    for (const form of [term.name, ...term.also]) meant.set(form.toLowerCase(), term);
  }
  const forms = [...meant.keys()].sort((one, other) => other.length - one.length);
  const escaped = forms.map((form) => form.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  const pattern = new RegExp(`(?<![\\w.-])(?:${escaped.join("|")})(?![\\w-])`, "gi");
  return (text) =>
    [...text.matchAll(pattern)].map((found) => ({
      start: found.index,
      end: found.index + found[0].length,
      term: meant.get(found[0].toLowerCase()),
    }));
}

/** Returns the place of a box beside a point, inside the window. */
export function placeOf(point, box, view, gap = 12) {
  const left = Math.max(8, Math.min(point.x - box.width / 2, view.width - box.width - 8));
  const below = point.y + gap;
  const fits = below + box.height <= view.height - 8;
  return { left, top: fits ? below : Math.max(8, point.y - gap - box.height) };
}

function textNodes(root) {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) found.push(walker.currentNode);
  return found;
}

function rangeOf(node, { start, end }) {
  const range = new Range();
  range.setStart(node, start);
  range.setEnd(node, end);
  return range;
}

/** Returns the text node and the place in it under a point; Safari has a way of its own. */
function caretAt(x, y) {
  const at = document.caretPositionFromPoint?.(x, y);
  if (at) return [at.offsetNode, at.offset];
  const range = document.caretRangeFromPoint?.(x, y);
  return range ? [range.startContainer, range.startOffset] : [null, 0];
}

/** Returns the colour of the page; the elements of both frameworks lie on others without one. */
function ground() {
  const places = [...document.querySelectorAll(HOSTS)].reverse();
  const colours = places.map((place) => getComputedStyle(place).backgroundColor);
  return colours.find((colour) => !/, 0\)$|^transparent$/.test(colour)) ?? "canvas";
}

function element(tag, text = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

function listOf(title, terms) {
  if (!terms.length) return [];
  const list = document.createElement("dl");
  for (const term of terms) list.append(element("dt", term.name), element("dd", term.sentence));
  return [element("h3", title), list];
}

/** Shows the glossary on the page, once; `how` is the address of "How BLIP-2 answers", or "". */
export function offerGlossary(terms, style, how) {
  if (document.getElementById("glossary")) return;
  const find = termFinder(terms);
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(style);
  document.adoptedStyleSheets.push(sheet);
  const box = document.createElement("div");
  box.id = "glossary";
  box.popover = "auto";
  box.tabIndex = -1;
  box.addEventListener("beforetoggle", (event) => {
    // Only while it is open: the curator's keys rest while there is a dialog.
    if (event.newState === "closed") box.removeAttribute("role");
  });
  document.body.append(box);

  const show = (label, ...content) => {
    const host = document.querySelector(".stApp, .gradio-container") ?? document.body;
    const { color, fontFamily } = getComputedStyle(host);
    Object.assign(box.style, { color, fontFamily, backgroundColor: ground(), left: "", top: "" });
    box.setAttribute("role", "dialog");
    box.setAttribute("aria-label", label);
    box.replaceChildren(...content);
    box.showPopover();
    box.focus({ preventScroll: true });
  };
  const button = (label, act) => {
    const made = element("button", label);
    made.type = "button";
    made.addEventListener("click", act);
    return made;
  };
  const close = () => box.hidePopover();
  const showAll = () => {
    // biome-ignore lint/performance/useDomNodeTextContent: terms that are shown, not hidden ones
    const said = find(document.body.innerText).map((found) => found.term);
    const [here, others] = [new Set(said), terms.filter((term) => !said.includes(term))];
    const head = element("header");
    head.append(element("h2", "Terms"), button("Close", close));
    const more = element("p");
    if (how) {
      more.append(Object.assign(element("a", "How BLIP-2 answers"), { href: how, target: "_top" }));
    }
    box.className = "all";
    const listed = terms.filter((term) => here.has(term));
    show("Terms", head, ...listOf("On this page", listed), ...listOf("Others", others), more);
    box.scrollTop = 0;
  };
  const showOne = (term, point) => {
    box.className = "one";
    const said = element("p");
    said.append(element("b", term.name), `: ${term.sentence}`);
    show(term.name, said, button("All terms", showAll));
    const { left, top } = placeOf(point, box.getBoundingClientRect(), {
      width: document.documentElement.clientWidth,
      height: window.innerHeight,
    });
    Object.assign(box.style, { left: `${left}px`, top: `${top}px` });
  };

  document.addEventListener("click", (event) => {
    if (event.target.closest?.("[data-glossary]")) return showAll();
    if (event.target.closest?.(NOT_HERE) || !getSelection().isCollapsed) return;
    const [node, offset] = caretAt(event.clientX, event.clientY);
    if (node?.nodeType !== Node.TEXT_NODE || !event.target.contains(node)) return;
    const pressed = find(node.data).find(({ start, end }) => start <= offset && offset <= end);
    const on = ({ left, right, top, bottom }) =>
      left <= event.clientX &&
      event.clientX <= right &&
      top <= event.clientY &&
      event.clientY <= bottom;
    if (!pressed || ![...rangeOf(node, pressed).getClientRects()].some(on)) return;
    event.preventDefault(); // of a label, which would go to its field
    showOne(pressed.term, { x: event.clientX, y: event.clientY });
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, select, [contenteditable=true]");
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (event.key.toLowerCase() !== "g" || !plain || typing || event.repeat) return;
    if (!document.querySelector("[role=dialog]")) showAll();
  });

  if (!CSS.highlights) return; // an older browser: nothing is underlined, all else is as it is
  const mark = () => {
    const nodes = textNodes(document.body).filter(
      (node) => node.data.trim() && !node.parentElement?.closest(NOT_HERE),
    );
    const ranges = nodes.flatMap((node) => find(node.data).map((found) => rangeOf(node, found)));
    CSS.highlights.set("glossary-term", new Highlight(...ranges));
  };
  let waiting;
  const later = () => {
    clearTimeout(waiting);
    waiting = setTimeout(mark, REST);
  };
  new MutationObserver(later).observe(document.body, {
    childList: true,
    subtree: true,
    characterData: true,
  });
  later();
}
