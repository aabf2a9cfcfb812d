import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { actionsFor, drawActions, listenToAnswers } from "../../app/workbench/chat_tab/answers.js";
import { openPage } from "./fake_page.js";

const BAR = '<div class="message-buttons"><div class="icon-button-wrapper"></div></div>';
const said = (who, text) =>
  `<div class="message-row"><div data-testid="${who}">${text}</div></div>${BAR}`;
const LINE = said("bot", '<div class="thought-group">What stands above</div>');
const CUT_OFF = "one two … (cut off by the token limit)";

let root;
let chat;

function talk(...messages) {
  root = openPage(`<div id="chat">${messages.join("")}</div>`);
  chat = root.querySelector("#chat");
}

const buttons = () =>
  [...chat.querySelectorAll(".answer-action")].map(
    ({ dataset }) => `${dataset.act} ${dataset.index}`,
  );

beforeEach(() => {
  globalThis.MutationObserver = class {
    observe() {}
  };
});

test("why is asked of any answer, and only what is not whole goes on", () => {
  const acts = (text, isLatest = true) => actionsFor(text, isLatest).map(({ act }) => act);
  assert.deepEqual(acts("a dog"), ["why"]);
  assert.deepEqual(acts(CUT_OFF), ["why", "go on"]);
  assert.deepEqual(acts("a … (stopped)"), ["why", "go on"]);
  assert.deepEqual(acts(CUT_OFF, false), ["why"]);
  for (const text of ["", " ", "…", "… (stopped)", "I was never taught to answer this. I can"])
    assert.deepEqual(acts(text), []);
});

test("each answer gets its buttons once, questions and lines none", () => {
  talk(
    said("user", "Who?"),
    said("bot", "a dog"),
    LINE,
    said("user", "And?"),
    said("bot", CUT_OFF),
  );
  drawActions(chat);
  drawActions(chat);
  assert.deepEqual(buttons(), ["why 1", "why 4", "go on 4"]);
});

test("an answer with a line alone after it is the latest one", () => {
  talk(said("user", "Who?"), said("bot", CUT_OFF), LINE);
  drawActions(chat);
  assert.deepEqual(buttons(), ["why 1", "go on 1"]);
});

test("a row that shows another message loses the buttons of the one before", () => {
  talk(said("user", "Who?"), said("bot", CUT_OFF), said("user", "And?"));
  drawActions(chat);
  const [, answer, question] = chat.querySelectorAll(".message-row");
  answer.replaceChildren(...question.children);
  drawActions(chat);
  assert.deepEqual(buttons(), []);
});

test("a press tells which message it is below", async () => {
  talk(said("user", "Who?"), said("bot", CUT_OFF));
  const told = [];
  listenToAnswers((name, data) => told.push([name, data]), root);
  for (const button of chat.querySelectorAll(".answer-action")) await button.click();
  await chat.querySelector(".message-row").click();
  assert.deepEqual(told, [
    ["why", { index: 1 }],
    ["go_on", { index: 1 }],
  ]);
});
