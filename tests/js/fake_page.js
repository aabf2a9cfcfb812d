// A small page for tests in node: elements that nest, hold attributes, are found by simple selectors
// and pass events on to their parents. Nothing is drawn; a canvas records what is put on it.

const TOKEN =
  /\*|([a-z][a-z0-9]*)|\.([\w-]+)|#([\w-]+)|\[([\w-]+)(?:=["']?([^"'\]]*)["']?)?\]|:not\(([^)]*)\)/gy;
const VOID = ["input", "img", "br"];

function matchesCompound(element, compound) {
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < compound.length) {
    const at = TOKEN.lastIndex;
    const found = TOKEN.exec(compound);
    if (!found) throw new Error(`The fake page does not know the selector ${compound}`);
    const [whole, tag, name, id, attribute, value, negated] = found;
    const next = at + whole.length;
    const held = element.attributes;
    if (tag && element.tag !== tag) return false;
    if (name && !element.classList.contains(name)) return false;
    if (id && held.get("id") !== id) return false;
    if (attribute && !held.has(attribute)) return false;
    if (attribute && value !== undefined && held.get(attribute) !== value) return false;
    if (negated && matches(element, negated)) return false;
    TOKEN.lastIndex = next;
  }
  return true;
}

function matches(element, selector) {
  return selector.split(/,\s*/).some((one) => {
    const compounds = one.trim().split(/\s+/);
    if (!matchesCompound(element, compounds.pop())) return false;
    let above = element.parentElement;
    while (above && compounds.length) {
      if (matchesCompound(above, compounds.at(-1))) compounds.pop();
      above = above.parentElement;
    }
    return compounds.length === 0;
  });
}

class FakeEvent {
  constructor(type, values = {}) {
    Object.assign(this, { type, defaultPrevented: false, stopped: false }, values);
  }
  preventDefault() {
    this.defaultPrevented = true;
  }
  stopPropagation() {
    this.stopped = true;
  }
  stopImmediatePropagation() {
    this.stopped = true;
  }
}

export class FakeElement {
  constructor(tag) {
    Object.assign(this, { tag, tagName: tag.toUpperCase(), nodes: [], parentElement: null });
    Object.assign(this, { attributes: new Map(), listeners: {}, value: "", hidden: false });
    Object.assign(this, { box: { left: 0, top: 0, width: 0, height: 0 }, scrolled: 0 });
    const properties = {};
    this.style = { properties, setProperty: (name, value) => (properties[name] = String(value)) };
    this.dataset = new Proxy(this.attributes, {
      get: (held, name) => held.get(`data-${name}`),
      has: (held, name) => held.has(`data-${name}`),
      set: (held, name, value) => Boolean(held.set(`data-${name}`, String(value))),
    });
    const names = () => (this.attributes.get("class") ?? "").split(" ").filter(Boolean);
    this.classList = {
      contains: (name) => names().includes(name),
      toggle: (name, on) => {
        const others = names().filter((other) => other !== name);
        this.attributes.set("class", (on ? [...others, name] : others).join(" "));
      },
    };
  }
  get className() {
    return this.attributes.get("class") ?? "";
  }
  set className(value) {
    this.attributes.set("class", value);
  }
  get children() {
    return this.nodes.filter((node) => node instanceof FakeElement);
  }
  get rows() {
    return this.children.filter(({ tag }) => tag === "tr");
  }
  set rows(count) {
    this.rowCount = count; // of a text box
  }
  get cells() {
    return this.children.filter(({ tag }) => ["td", "th"].includes(tag));
  }
  get textContent() {
    return this.nodes.map((node) => node.textContent ?? node).join("");
  }
  set textContent(text) {
    this.replaceChildren(String(text));
  }
  append(...nodes) {
    for (const node of nodes) {
      if (node instanceof FakeElement) {
        node.remove();
        node.parentElement = this;
      }
      this.nodes.push(node);
    }
  }
  replaceChildren(...nodes) {
    for (const child of this.children) child.parentElement = null;
    this.nodes = [];
    this.append(...nodes);
  }
  remove() {
    if (this.parentElement) {
      this.parentElement.nodes = this.parentElement.nodes.filter((node) => node !== this);
    }
    this.parentElement = null;
  }
  setAttribute(name, value) {
    this.attributes.set(name, String(value));
  }
  getAttribute(name) {
    return this.attributes.get(name) ?? null;
  }
  removeAttribute(name) {
    this.attributes.delete(name);
  }
  querySelectorAll(selector) {
    return this.children.flatMap((child) => [
      ...(matches(child, selector) ? [child] : []),
      ...child.querySelectorAll(selector),
    ]);
  }
  querySelector(selector) {
    return this.querySelectorAll(selector)[0] ?? null;
  }
  get nextElementSibling() {
    const beside = this.parentElement?.children ?? [];
    return beside[beside.indexOf(this) + 1] ?? null;
  }
  matches(selector) {
    return matches(this, selector);
  }
  closest(selector) {
    if (matches(this, selector)) return this;
    return this.parentElement?.closest(selector) ?? null;
  }
  addEventListener(type, listener) {
    this.listeners[type] ??= [];
    this.listeners[type].push(listener);
  }
  /** Sends an event here and to what is above; returns it when every listener is done. */
  async send(type, values = {}) {
    const event = new FakeEvent(type, { target: this, ...values });
    let element = this;
    while (element && !event.stopped) {
      const listeners = element.listeners[type] ?? [];
      for (const listener of [element[`on${type}`], ...listeners]) await listener?.(event);
      element = element.parentElement;
    }
    return event;
  }
  dispatchEvent(event) {
    this.send(event.type);
  }
  click() {
    return this.send("click");
  }
  contains(other) {
    return other === this || (!!other.parentElement && this.contains(other.parentElement));
  }
  focus() {
    document.activeElement = this;
  }
  blur() {
    document.activeElement = null;
    this.onblur?.();
  }
  select() {}
  scrollIntoView() {
    this.scrolled += 1;
  }
  setSelectionRange(start, end) {
    Object.assign(this, { selectionStart: start, selectionEnd: end });
  }
  setPointerCapture() {}
  checkVisibility() {
    return !this.hidden;
  }
  getBoundingClientRect() {
    return this.box;
  }
  getContext() {
    this.context ??= new FakeContext();
    return this.context;
  }
  toBlob(use) {
    use({ canvas: this });
  }
}

/** Records each call on a canvas; `pixels` are those that were put last. */
class FakeContext {
  calls = [];
  styles = [];
  constructor() {
    const names = ["clearRect", "drawImage", "fillRect", "strokeRect", "beginPath", "moveTo"];
    for (const name of [...names, "lineTo", "stroke", "fillText"]) {
      this[name] = (...values) => {
        this.calls.push([name, ...values]);
        this.styles.push([this.fillStyle, this.strokeStyle, this.lineWidth, this.textAlign]);
      };
    }
  }
  createImageData(width, height) {
    return { width, height, data: new Uint8ClampedArray(width * height * 4) };
  }
  getImageData() {
    return { data: this.pixels };
  }
  putImageData(image, x, y) {
    if (x !== 0 || y !== 0) throw new Error("pixels are put at the upper left corner");
    this.pixels = image.data;
  }
  measureText(text) {
    return { width: text.length * 10 };
  }
}

/** Elements of some markup, without its text's white space at the ends. */
export function parse(markup) {
  const root = new FakeElement("div");
  let parent = root;
  for (const [, close, tag, attributes, text] of markup.matchAll(
    /<(\/?)([a-z][a-z0-9]*)((?:[^>"]|"[^"]*")*)>|([^<]+)/g,
  )) {
    if (text !== undefined) {
      if (text.trim()) parent.append(text.trim());
    } else if (close) {
      parent = parent.parentElement;
    } else {
      const made = new FakeElement(tag);
      for (const [, name, value] of attributes.matchAll(/([\w-]+)(?:="([^"]*)")?/g)) {
        made.attributes.set(name, value ?? "");
      }
      made.hidden = made.attributes.has("hidden");
      parent.append(made);
      if (!VOID.includes(tag)) parent = made;
    }
  }
  return root;
}

/** Puts a page with some markup where the browser's globals are looked for; returns its root. */
export function openPage(markup = "") {
  const root = parse(markup);
  const frames = [];
  const page = new FakeElement("html");
  page.append(root);
  Object.assign(page, {
    activeElement: null,
    body: root,
    createElement: (tag) => new FakeElement(tag),
    createElementNS: (_, tag) => new FakeElement(tag),
  });
  globalThis.document = page;
  globalThis.window = new FakeElement("window");
  globalThis.requestAnimationFrame = (draw) => frames.push(draw);
  globalThis.ResizeObserver = class {
    observe() {}
  };
  globalThis.Image = class {
    naturalWidth = 2;
    naturalHeight = 1;
  };
  root.drawFrame = () => {
    for (const draw of frames.splice(0)) draw();
  };
  return root;
}
