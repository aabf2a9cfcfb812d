// "/" puts the cursor into the question box, Esc stops what runs, "?" shows the keys. An image that is pasted, or
// dropped anywhere, is taken; a page with questions on it is not left by accident, and a question
// that was being typed is there again after a reload.

import { isShown, showKeys } from "./help.js";

/** What is looked for in Gradio's own page, which promises none of it; a browser test tells what a
 * new version has changed.
 */
export const GRADIO_PARTS = {
  imageInput: "#image input[type=file]",
  questionBox: "#question textarea",
  stopButtons: "#question button.stop-button, button.stop",
  suggestions: "#suggestions button",
  askedQuestions: "#chat [data-testid=user]",
};

/** Keys and what they do: on every tab, or on the tab of that label. */
export const KEYS = [
  ["?", "show these keys"],
  ["G", "list the terms, each told in a sentence"],
  ["Esc", "stop what runs, or close these keys"],
  ["Ctrl + V", "take an image from the clipboard"],
  ["/", "go to the question box", "Chat"],
  ["Enter", "ask the question", "Chat"],
  ["Shift + Enter", "begin a new line", "Chat"],
  ["← →", "query, word or head before, and next", "Look inside"],
  ["↑ ↓", "layer above, and below", "Look inside"],
  ["H", "one head, or the mean of all", "Look inside"],
  ["P", "raw patches, or a smooth map", "Look inside"],
  ["C", "keep the map to compare", "Look inside"],
  ["S", "save the map as PNG", "Look inside"],
  ["Shift + arrows", "on the image: move over the patches", "Look inside"],
  ["Space", "on the image: hide the patch, or show it again", "Look inside"],
  ["Ctrl + Enter", "in a text that is edited: save it", "CapFilt"],
  ["Esc", "in a text that is edited: leave it as it was", "CapFilt"],
];

/** Puts an image among some files where the image is uploaded; false where there is none. */
function upload(files) {
  const image = [...(files ?? [])].find((file) => file.type.startsWith("image/"));
  const input = document.querySelector(GRADIO_PARTS.imageInput);
  if (!image || !input) return false;
  const transfer = new DataTransfer();
  transfer.items.add(image);
  input.files = transfer.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
  return true;
}

/** Listens to the whole page; the script runs once, before anything is drawn. */
export function listenToPage() {
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, [contenteditable]");
    const plain = !typing && !event.ctrlKey && !event.metaKey && !event.altKey;
    if (event.key === "/" && plain) {
      event.preventDefault();
      document.querySelector(GRADIO_PARTS.questionBox)?.focus();
    }
    if (event.key === "?" && plain) showKeys(KEYS);
    if (event.key === "Escape" && !isShown()) {
      document.querySelectorAll(GRADIO_PARTS.stopButtons).forEach((stop) => {
        if (stop.checkVisibility()) stop.click();
      });
    }
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest?.(".show-keys")) showKeys(KEYS);
  });
  document.addEventListener("paste", (event) => {
    if (upload(event.clipboardData?.files)) event.preventDefault();
  });
  // A field that takes files itself has prevented the default before the event comes here.
  document.addEventListener("dragover", (event) => {
    if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
  });
  document.addEventListener("drop", (event) => {
    if (event.defaultPrevented || !event.dataTransfer?.files.length) return;
    event.preventDefault(); // else the browser leaves the page for the file
    upload(event.dataTransfer.files);
  });

  let asked = false;
  document.addEventListener("input", (event) => {
    if (event.target.closest?.("#question")) asked = true;
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest?.(GRADIO_PARTS.suggestions)) asked = true;
  });
  window.addEventListener("beforeunload", (event) => {
    if (asked && document.querySelector(GRADIO_PARTS.askedQuestions)) event.preventDefault();
  });

  const box = () => document.querySelector(GRADIO_PARTS.questionBox);
  const draft = sessionStorage.getItem("draft");
  const waiting = setInterval(() => {
    if (!box()) return; // the tab is drawn later
    clearInterval(waiting);
    if (!draft || box().value) return;
    box().value = draft;
    box().dispatchEvent(new Event("input", { bubbles: true }));
  }, 100);
  window.addEventListener("pagehide", () => {
    if (box()) sessionStorage.setItem("draft", box().value);
  });
}
