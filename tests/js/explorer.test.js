import assert from "node:assert/strict";
import { test } from "node:test";
import { saveFile } from "../../app/workbench/inside_tab/explorer/image_view.js";
import { openExplorer } from "./explorer_page.js";
import { FakeElement } from "./fake_page.js";
import { readPayload, realStack } from "./payload.js";

const stack = realStack();
const pressed = (group) =>
  group.querySelectorAll('[aria-pressed="true"]').map((button) => button.dataset.query);

test("starts with the map that the stack names", () => {
  const kinds = readPayload().maps.map(({ kind }) => kind);
  const title = (default_map) => openExplorer({ default_map }).text("title");
  assert.equal(title(kinds.indexOf("text")), "The text · all words");
  assert.equal(title(kinds.indexOf("gradcam")), "Grad-CAM · the whole text");
  assert.equal(title(null), "Query 12 · mean of all layers, mean of all heads");
  assert.equal(title(kinds.indexOf("winner")), "Closest query · query 12");
  const bare = openExplorer({ default_map: null, winner: null, cosines: null });
  assert.match(bare.text("title"), /^Query 0 · /);
});

test("starts with the word that took most from the image, where an answer is in question", () => {
  const { answer } = readPayload();
  const shares = answer.image_share;
  const word = shares.indexOf(Math.max(...shares)) + 1;
  assert.match(openExplorer({ why: true }).text("title"), new RegExp(`wrote · .*word ${word}$`));
  assert.ok(!openExplorer({ why: true, answer: null }).text("title").includes("wrote"));
});

test("the body is shown with a stack, and the empty text without", () => {
  const page = openExplorer();
  const hidden = () => [page.part("empty").hidden, page.part("body").hidden];
  assert.deepEqual(hidden(), [true, false]);
  page.explorer.showFinding({ kind: "mask", state: "failed", message: "No." });
  page.explorer.show(null);
  assert.deepEqual(hidden(), [false, true]);
  assert.equal(page.part("mask-finding").hidden, true);
  page.draw();
});

test("a choice survives another image of the same shape, a mask does not", async () => {
  const page = openExplorer();
  await page.pressQuery(4);
  await page.choose("layer", 1);
  await page.press("masking");
  await page.press("mask-peak");
  page.explorer.show(null);
  const image = { width: 9, height: 9, src: "other" };
  page.explorer.show(readPayload({ image }));
  page.draw();
  assert.equal(page.text("title"), "Query 4 · layer 2, mean of all heads");
  assert.match(page.text("mask-description"), /^Press or drag/);
  page.explorer.show(readPayload({ layers: [0, 1] }));
  page.draw();
  assert.equal(page.text("title"), "Closest query · query 12");
});

test("many changes are drawn once, before the next frame", async () => {
  const page = openExplorer();
  await page.part("maps").querySelector('[data-query="4"]').click();
  await page.part("maps").querySelector('[data-query="5"]').click();
  assert.ok(!page.text("title").startsWith("Query 5"));
  page.draw();
  assert.match(page.text("title"), /^Query 5 · /);
});

test("a query stays in rollout, and leaves what has one map for all", async () => {
  const page = openExplorer();
  const signal = (id) => page.part("signal").querySelector(`[data-signal="${id}"]`).click();
  await signal("rollout");
  await page.pressQuery(4);
  assert.equal(page.text("title"), "Query 4 · rollout");
  await signal("gradcam");
  await page.pressQuery(5, "bars");
  assert.match(page.text("title"), /^Query 5 · mean/);
});

test("small maps: the chosen one is marked, is the stop of Tab, and has its facts", async () => {
  const page = openExplorer();
  await page.pressQuery(4);
  const maps = page.part("maps");
  assert.deepEqual(pressed(maps), ["4"]);
  const stops = maps.children.filter(({ tabIndex }) => tabIndex === 0);
  assert.deepEqual(
    stops.map(({ dataset }) => dataset.query),
    ["4"],
  );
  const label = maps.children[12].getAttribute("aria-label");
  assert.match(
    label,
    /^Query 12, closest, strongest at [a-z ]+, [\d.]+% class, \d\.\d bits, cos 0\.84, like \d+$/,
  );
  assert.equal(maps.children[12].querySelector(".mark").textContent, "closest");
  assert.equal(maps.children[3].querySelector(".mark").textContent, "");
});

test("small maps of flat stacks are marked flat or nearly even", () => {
  const flat = openExplorer({ values: Buffer.alloc(8192, 9).toString("base64") });
  assert.equal(flat.part("maps").querySelectorAll(".query.flat").length, 16);
  assert.equal(flat.part("maps").querySelector(".mark").textContent, "flat");
  const values = Buffer.alloc(8192, 100).fill(120, 0, 1);
  const even = openExplorer({ values: values.toString("base64") });
  assert.equal(even.part("maps").querySelector(".mark").textContent, "nearly even");
});

test("the focus moves with the chosen button", async () => {
  const page = openExplorer();
  await page.pressQuery(4);
  page.part("maps").querySelector('[data-query="4"]').focus();
  await page.key("ArrowRight");
  assert.equal(document.activeElement.dataset.query, "5");
  document.activeElement = page.part("raw");
  await page.key("ArrowRight");
  assert.equal(document.activeElement, page.part("raw"));
});

test("bars: heights from the lowest cosine to the highest, the best two marked", () => {
  const cosines = [0.5, -0.25, 0.25, ...Array(13).fill(0)];
  const winner = { query: 0, cosine: 0.5, runner_up: 2, margin: 0.25 };
  const bars = openExplorer({ cosines, winner }).part("bars").children;
  const fill = (bar) => bar.querySelector("i").style;
  const close = (found, expected) =>
    assert.ok(Math.abs(Number.parseFloat(found) - expected) < 1e-9);
  close(fill(bars[0]).bottom, 100 / 3);
  close(fill(bars[0]).height, 200 / 3);
  close(fill(bars[1]).bottom, 0);
  close(fill(bars[1]).height, 100 / 3);
  close(fill(bars[3]).height, 1);
  assert.ok(bars[0].classList.contains("winner") && bars[2].classList.contains("second"));
  assert.equal(bars[0].getAttribute("aria-label"), "Query 0: cosine 0.500, the closest");
  assert.equal(bars[2].title, "Query 2: cosine 0.250, the second");
  assert.equal(bars[1].title, "Query 1: cosine -0.250");
});

test("the cell of the chosen layer and head is marked", async () => {
  const page = openExplorer();
  const marked = () =>
    page
      .part("matrix")
      .querySelectorAll('[aria-pressed="true"]')
      .map(({ dataset }) => [dataset.layer, dataset.head]);
  assert.deepEqual(marked(), [["-1", "-1"]]);
  await page.choose("layer", 1);
  assert.deepEqual(marked(), [["1", "-1"]]);
  await page.choose("head", 2);
  assert.deepEqual(marked(), [["1", "2"]]);
});

test("a small map has the shared scale, or its own", async () => {
  const page = openExplorer();
  const map = stack.attention(5, -1, -1);
  const at = map.indexOf(Math.max(...map));
  const { palette } = readPayload();
  const table = [...Buffer.from(palette, "base64")];
  await page.tick("raw", true);
  const found = () => {
    const canvas = page.part("maps").querySelector('[data-query="5"]').querySelector("canvas");
    return [...canvas.context.pixels.slice(at * 4, at * 4 + 3)];
  };
  const high = Math.max(
    ...Array.from({ length: 16 }, (_, q) => Math.max(...stack.attention(q, -1, -1))),
  );
  const index = Math.round((map[at] / high) * 255) * 3;
  assert.ok(index < 765);
  assert.deepEqual(found(), table.slice(index, index + 3));
  await page.choose("scale", "own");
  assert.deepEqual(found(), table.slice(-3));
});

test("a word is marked in its own text alone, and only while it is on screen", async () => {
  const page = openExplorer();
  const marked = () =>
    page
      .part("texts")
      .querySelectorAll('[aria-pressed="true"]')
      .map(({ dataset }) => [dataset.text, dataset.token]);
  assert.deepEqual(marked(), []);
  await page.pressWord(0);
  assert.deepEqual(marked(), [["0", "0"]]);
  await page.pressWord(0, 1);
  assert.deepEqual(marked(), [["1", "0"]]);
});

test("a hidden patch is dark with a cross, a pointed one has an outline", async () => {
  const page = openExplorer();
  const image = page.part("image");
  image.box = { left: 0, top: 0, width: 800, height: 400 };
  await page.press("masking");
  const at = { clientX: 250, clientY: 75 }; // row 2, column 3 of 8 x 8
  await image.send("pointerdown", at);
  await image.send("pointerup", at);
  await image.send("pointermove", at);
  image.context.calls = [];
  image.context.styles = [];
  page.draw();
  const drawn = image.context.calls.filter(([name]) => !["clearRect", "drawImage"].includes(name));
  assert.deepEqual(
    drawn.map(([name, ...values]) => [name, ...values.map(Math.round)]),
    [
      ["fillRect", 200, 50, 100, 50],
      ["beginPath"],
      ["moveTo", 230, 65],
      ["lineTo", 270, 85],
      ["moveTo", 270, 65],
      ["lineTo", 230, 85],
      ["stroke"],
      ["strokeRect", 200, 50, 100, 50],
      ["strokeRect", 200, 50, 100, 50],
    ],
  );
  const widths = image.context.styles.slice(-3).map(([, , width]) => width);
  assert.deepEqual(widths, [100 / 24, 4, 2]);
});

test("the matrix has a cell for each layer and head, and their means", async () => {
  const page = openExplorer();
  await page.choose("measure", "peak");
  const matrix = page.part("matrix");
  assert.equal(matrix.style.properties["--columns"], "5");
  const names = matrix.children.filter(({ tag }) => tag === "span").map((one) => one.textContent);
  assert.deepEqual(names, ["", "0", "1", "2", "3", "mean", "0", "2", "mean"]);
  const cell = matrix.querySelector('[data-layer="1"][data-head="2"]');
  const peak = Math.max(...stack.attention(12, 1, 2));
  assert.match(cell.title, new RegExp(`^layer 2, head 2: ${Math.round(peak * 100)}`));
  const values = matrix.querySelectorAll("button").map((one) => {
    const [layer, head] = [Number(one.dataset.layer), Number(one.dataset.head)];
    return [one, Math.max(...stack.attention(12, layer, head))];
  });
  const [brightest] = values.reduce((best, one) => (one[1] > best[1] ? one : best));
  const yellow = [...Buffer.from(readPayload().palette, "base64")].slice(-3).join(" ");
  assert.deepEqual(
    [brightest.style.background, brightest.style.color],
    [`rgb(${yellow})`, "#0b1220"],
  );
  const [darkest] = values.reduce((least, one) => (one[1] < least[1] ? one : least));
  assert.equal(darkest.style.color, "#ffffff");
});

test("words are underlined by how much the query that is pointed at attends to them", async () => {
  const page = openExplorer();
  const small = page.part("maps").querySelector('[data-query="3"]');
  await small.send("pointerenter");
  page.draw();
  const words = page.part("texts").querySelectorAll('[data-text="0"]');
  const shares = stack.texts[0].shares.map((row) => row[3]);
  const most = Math.max(...shares);
  const underlined = words.map((word) => Number(word.style.properties["--share"]));
  assert.deepEqual(underlined, [0, ...shares.map((share) => share / most)]);
  assert.match(page.text("texts"), /underlined: how much query 3 attends to each word/);
  await small.send("pointerleave");
  await page.pressWord(2);
  assert.match(page.text("texts"), /press a word to see its map/);
  const chosen = page.part("texts").querySelectorAll('[aria-pressed="true"]');
  assert.deepEqual(
    chosen.map((word) => word.textContent),
    ["of"],
  );
  const looks = page.part("maps").children.map((one) => one.style.properties["--query-share"]);
  const row = stack.texts[0].shares[2];
  assert.equal(Number(looks[5]), row[5] / Math.max(...row));
});

test("self-attention: the cell that is pointed at, in the order of the queries", async () => {
  const page = openExplorer();
  const canvas = page.part("self-attention");
  canvas.box = { left: 10, top: 20, width: 160, height: 160 };
  const said = async (x, y) => {
    await canvas.send("pointermove", { clientX: x, clientY: y });
    return page.text("self-attention-value");
  };
  assert.match(
    await said(10 + 35, 20 + 15),
    /^Query 1 gives [\d.]+% of its attention to query 3\.$/,
  );
  assert.match(await said(10 + 35, 20 + 35), /^Query 3 keeps [\d.]+% for itself\.$/);
  await canvas.send("pointerleave");
  assert.equal(page.text("self-attention-value"), "");
  await canvas.send("click", { clientX: 10, clientY: 20 + 75 });
  page.draw();
  assert.match(page.text("title"), /^Query 7 · /);
  const row = page.part("self-attention-row").style.properties;
  assert.deepEqual([row["--row"], row["--height"]], [String(7 / 16), String(1 / 16)]);
  await page.choose("sort", "cosine");
  const order = page.part("maps").children.map(({ dataset }) => dataset.query);
  assert.equal(
    page.part("self-attention-row").style.properties["--row"],
    String(order.indexOf("7") / 16),
  );
});

test("a pointed patch is named; one that is painted is hidden, or freed", async () => {
  const page = openExplorer();
  const image = page.part("image");
  image.box = { left: 100, top: 50, width: 80, height: 160 };
  const at = (row, col) => ({ clientX: 100 + 10 * col + 5, clientY: 50 + 20 * row + 5 });
  await image.send("pointermove", at(2, 3));
  page.draw();
  assert.match(page.text("patch"), /^Row 3, column 4: /);
  await image.send("pointerleave");
  page.draw();
  assert.match(page.text("patch"), /^Point at the image/);
  await image.send("pointerdown", at(2, 3));
  await image.send("pointerup");
  page.draw();
  assert.match(page.text("mask-description"), /^Press or drag/);
  await page.press("masking");
  const down = await image.send("pointerdown", at(2, 3));
  assert.equal(down.defaultPrevented, true);
  await image.send("pointermove", at(2, 4));
  await image.send("pointerleave");
  page.draw();
  assert.match(page.text("patch"), /^Row 3, column 5: /);
  await image.send("pointerup");
  await image.send("pointermove", at(2, 5));
  page.draw();
  await page.press("ask-again");
  await image.send("pointerdown", at(2, 4));
  await image.send("pointermove", at(2, 3));
  await image.send("pointermove", at(2, 6));
  await image.send("pointercancel");
  page.draw();
  assert.match(page.text("mask-description"), /^Press or drag/);
  assert.deepEqual(page.sent, [["mask", { patches: [19, 20] }]]);
});

test("the image is drawn when it is loaded, at the sharpness of the screen", () => {
  const images = [];
  const page = openExplorer();
  globalThis.Image = class {
    naturalWidth = 2;
    naturalHeight = 1;
    constructor() {
      images.push(this);
    }
  };
  globalThis.window.devicePixelRatio = 3;
  const canvas = page.part("image");
  canvas.box = { left: 0, top: 0, width: 50, height: 25.2 };
  page.explorer.show(readPayload());
  page.draw();
  assert.deepEqual([canvas.width, canvas.height], [100, 50]);
  const drawn = () => canvas.context.calls.filter(([name]) => name === "drawImage").length;
  const before = drawn();
  document.createElement = (tag) => {
    const made = new FakeElement(tag);
    made.getContext("2d").pixels = [1, 2, 3, 4, 5, 6, 7, 8];
    return made;
  };
  assert.equal(images[0].src, readPayload().image.src);
  images[0].onload();
  page.draw();
  assert.equal(drawn(), before + 2);
});

test("a figure is saved under the name of its map", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const page = openExplorer();
  const saved = [];
  const blobs = [];
  const create = document.createElement;
  document.createElement = (tag) => {
    const made = create(tag);
    if (tag === "a") made.onclick = () => saved.push([made.download, made.href]);
    return made;
  };
  t.mock.method(URL, "createObjectURL", (blob) => {
    blobs.push(blob);
    return "blob:1";
  });
  t.mock.method(URL, "revokeObjectURL");
  await page.choose("layer", 0);
  await page.press("save");
  assert.deepEqual(saved, [["query-12-layer-0-mean-of-all-heads.png", "blob:1"]]);
  const { canvas } = blobs[0];
  const texts = canvas.context.calls
    .filter(([name]) => name === "fillText")
    .map(([, text]) => text);
  assert.equal(texts[0], "0%");
  assert.ok(texts.includes("Query 12 · layer 0, mean of all heads"));
  assert.ok(texts.includes("share of the query's attention, per patch"));
  assert.ok(texts.at(-1).endsWith("not why it answered."));
  assert.ok(texts.every((text) => text.length <= 96));
  const places = canvas.context.calls.filter(([name]) => name === "fillText");
  assert.deepEqual(
    places.slice(0, 5).map(([, , x, y]) => [x, y]),
    [
      [28, 28 + 960 + 16 + 44],
      [28 + 480, 1048],
      [28 + 960, 1048],
      [28 + 480, 1080],
      [28, 1124],
    ],
  );
  assert.equal(places[5][3], 1124 + 32);
  const [ground, , ...bar] = canvas.context.calls;
  assert.deepEqual(ground, ["fillRect", 0, 0, 1016, canvas.height]);
  assert.deepEqual(canvas.context.calls[1].slice(2), [28, 28]);
  assert.deepEqual(bar[0], ["fillRect", 28, 1004, 1, 16]);
  assert.deepEqual(bar[959], ["fillRect", 28 + 959, 1004, 1, 16]);
  const colours = [canvas.context.styles[2][0], canvas.context.styles[961][0]];
  const table = [...Buffer.from(readPayload().palette, "base64")];
  const ends = [table.slice(0, 3), table.slice(-3)].map((colour) => `rgb(${colour.join(" ")})`);
  assert.deepEqual(colours, ends);
  assert.equal(canvas.width, 960 + 56);
  const lines = texts.length - 4;
  assert.equal(canvas.height, 960 + 56 + 122 + lines * 32);
  assert.equal(URL.revokeObjectURL.mock.callCount(), 0);
  t.mock.timers.tick(10_000);
  assert.equal(URL.revokeObjectURL.mock.callCount(), 1);
});

test("a file of the server is saved with its name and bytes", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  openExplorer();
  const blobs = [];
  t.mock.method(URL, "createObjectURL", (blob) => {
    blobs.push(blob);
    return "blob:2";
  });
  saveFile(null);
  assert.equal(blobs.length, 0);
  saveFile({ name: "maps.npz", data: "AQID" });
  assert.deepEqual([...new Uint8Array(await blobs[0].arrayBuffer())], [1, 2, 3]);
});
