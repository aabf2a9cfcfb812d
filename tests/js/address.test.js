import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { changedQuery, keepAddress, withReceipt } from "../../app/workbench/address/address.js";

let visits; // what the server was asked for
let history_; // [how, address] of each change of the address
let listeners;
let tabs; // the buttons of the tabs: which is selected
let told; // what the server says of the page
let number; // of what it said last
let observed;
let stored;

beforeEach(() => {
  [visits, history_, listeners, stored, number] = [[], [], {}, {}, 0];
  tabs = [true, false].map((selected) => ({ getAttribute: () => String(selected) }));
  globalThis.location = { search: "", pathname: "/studio/", hash: "" };
  const change = (how) => (_, __, address) => {
    history_.push([how, address]);
    const at = address.indexOf("?");
    location.search = at < 0 ? "" : address.slice(at);
  };
  globalThis.history = { state: null, pushState: change("push"), replaceState: change("replace") };
  globalThis.sessionStorage = {
    getItem: (name) => stored[name] ?? null,
    setItem: (name, value) => {
      stored[name] = value;
    },
  };
  const listen = (type, listener) => {
    listeners[type] = listener;
  };
  globalThis.document = {
    addEventListener: listen,
    querySelector: () => ({}),
    querySelectorAll: () => tabs,
  };
  globalThis.window = { addEventListener: listen };
  globalThis.MutationObserver = class {
    constructor(listener) {
      observed = listener;
    }
    observe() {}
  };
  const props = {};
  const watch = (_, listener) => {
    told = (state) => {
      number = state.number ?? number + 1;
      props.state = { step: false, visited: false, receipt: "", ...state, number };
      listener();
    };
  };
  keepAddress(props, (name, values) => visits.push([name, values]), watch, ["chat", "match"]);
});

function select(number) {
  tabs = tabs.map((_, at) => ({ getAttribute: () => String(at === number) }));
  observed();
}

test("a field is set, changed and taken away, the others stay", () => {
  assert.equal(changedQuery("?__theme=dark&tab=chat", { tab: "match" }), "__theme=dark&tab=match");
  assert.equal(changedQuery("?tab=chat", { tab: "", model: "a b" }), "model=a+b");
});

test("a tab is a step of its own, and the first needs no name", () => {
  select(0);
  assert.deepEqual(history_, []);
  select(1);
  select(1);
  assert.deepEqual(history_, [["push", "/studio/?tab=match"]]);
});

test("an image is a step and its receipt is kept, settings are none", () => {
  told({ place: { model: "", image: "k", item: "" }, step: true, receipt: "r" });
  told({ place: { mode: "beam", beams: "" } });
  assert.deepEqual(history_, [
    ["push", "/studio/?image=k"],
    ["replace", "/studio/?image=k&mode=beam"],
  ]);
  assert.deepEqual(JSON.parse(stored.receipts), { k: "r" });
});

test("an address is read with the receipt of its image, and nothing is a step before that", () => {
  stored.receipts = JSON.stringify({ k: "r", other: "s" });
  location.search = "?image=k";
  listeners["address-is-read"]();
  assert.deepEqual(visits, [["visit", { query: "?image=k", receipt: "r", arrival: true }]]);
  told({ place: { model: "", image: "", item: "" }, step: true });
  assert.deepEqual(history_, []);
  told({ place: { model: "", image: "", item: "" }, visited: true });
  assert.deepEqual(history_, [["replace", "/studio/"]]);
  told({ place: { model: "", image: "new", item: "" }, step: true });
  assert.equal(history_.length, 2);
});

test("what was seen earlier and is told later changes nothing, but settings do", () => {
  location.search = "?item=2&text=7";
  listeners["address-is-read"]();
  told({ place: { model: "", image: "", item: "2" }, visited: true, number: 5 });
  told({ place: { model: "", image: "", item: "" }, step: true, number: 4 });
  assert.deepEqual(history_, []);
  told({ place: { beams: "3" }, number: 3 });
  assert.equal(location.search, "?item=2&text=7&beams=3");
  told({ place: { model: "", image: "k", item: "" }, step: true, number: 6 });
  assert.equal(location.search, "?beams=3&image=k");
});

test("an image that is chosen while an address is read is written after it", () => {
  location.search = "?item=2";
  listeners["address-is-read"]();
  told({ place: { model: "", image: "", item: "" }, step: true, number: 4 });
  told({ place: { model: "", image: "k", item: "" }, step: true, receipt: "r", number: 6 });
  assert.deepEqual(history_, []);
  told({ place: { model: "", image: "", item: "2" }, visited: true, number: 5 });
  assert.equal(location.search, "?image=k");
  assert.deepEqual(JSON.parse(stored.receipts), { k: "r" });
});

test("an address that names nothing is not read on arrival, but is by going back", () => {
  listeners["address-is-read"]();
  assert.deepEqual(visits, []);
  listeners.popstate();
  assert.deepEqual(visits, [["visit", { query: "", receipt: "", arrival: false }]]);
});

test("a text goes with its item", () => {
  location.search = "?item=3&text=7";
  told({ place: { model: "", image: "", item: "3" }, step: true });
  assert.equal(location.search, "?item=3&text=7");
  told({ place: { model: "", image: "k", item: "" }, step: true });
  assert.equal(location.search, "?image=k");
});

test("few receipts are kept, the newest, and a broken storage is none", () => {
  let receipts = {};
  for (let number = 0; number < 12; number++) receipts = withReceipt(receipts, `k${number}`, "r");
  assert.deepEqual(Object.keys(receipts), ["k4", "k5", "k6", "k7", "k8", "k9", "k10", "k11"]);
  stored.receipts = "{";
  listeners.popstate();
  assert.equal(visits[0][1].receipt, "");
});
