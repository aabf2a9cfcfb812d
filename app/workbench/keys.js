// "/" puts the cursor into the question box, Esc stops what runs. An image that is pasted, or
// dropped anywhere, is taken; a page with questions on it is not left by accident, and a question
// that was being typed is there again after a reload.

/** Puts an image among some files where the image is uploaded; false where there is none. */
function upload(files) {
  const image = [...(files ?? [])].find((file) => file.type.startsWith("image/"));
  const input = document.querySelector("#image input[type=file]");
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
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      document.querySelector("#question textarea")?.focus();
    }
    if (event.key === "Escape") {
      document.querySelectorAll("#question button.stop-button, button.stop").forEach((stop) => {
        if (stop.checkVisibility()) stop.click();
      });
    }
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
    if (event.target.closest?.("#suggestions button")) asked = true;
  });
  window.addEventListener("beforeunload", (event) => {
    if (asked && document.querySelector("#chat [data-testid=user]")) event.preventDefault();
  });

  const box = () => document.querySelector("#question textarea");
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
