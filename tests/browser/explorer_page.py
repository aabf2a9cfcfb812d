"""The explorer alone on a bare page, and what a test does with it."""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Locator, Page

from app.workbench.inside_tab.explorer import script, style, template
from tests.stacks import COLS, ROWS

START = """([script, stack]) => {
  window.sent = [];
  const element = document.querySelector("#explorer");
  const made = script + "; return createExplorer(element, trigger)";
  const start = new Function("element", "trigger", made);
  window.explorer = start(element, (name, data) => window.sent.push([name, data]));
  window.explorer.show(stack);
}"""
BRIGHTEST = """(canvas) => {
  const { width, height } = canvas;
  const data = canvas.getContext("2d").getImageData(0, 0, width, height).data;
  const yellow = (pixel) => data[pixel * 4] - data[pixel * 4 + 2];
  const pixels = [...Array(width * height).keys()];
  const most = pixels.reduce((best, pixel) => Math.max(best, yellow(pixel)), -999);
  const found = pixels.filter((pixel) => yellow(pixel) >= most - 1);
  const mean = (of) => found.reduce((sum, pixel) => sum + of(pixel), 0) / found.length;
  return [
    mean((pixel) => (pixel % width) + 0.5) / width,
    mean((pixel) => Math.floor(pixel / width) + 0.5) / height,
  ];
}"""
"""The middle of what is most yellow on a canvas over a grey image, as shares of its sides."""

Open = Callable[..., Page]


def show_stack(page: Page, stack: dict[str, Any]) -> None:
    """Fills a page with the explorer of a stack and nothing else."""
    page.set_content(
        f"<!doctype html><style>#explorer {{ {style()} }}</style>"
        f'<div id="explorer">{template()}</div>'
    )
    page.evaluate(START, [script(), stack])
    settle(page)


def part(page: Page, name: str) -> Locator:
    return page.locator(f'[data-part="{name}"]')


def settle(page: Page) -> None:
    """Until what was asked for is drawn, the image included."""
    page.evaluate("() => new Promise((done) => setTimeout(() => requestAnimationFrame(done), 50))")


def query(page: Page, number: int) -> Locator:
    return part(page, "maps").locator(f'[data-query="{number}"]')


def word(page: Page, position: int) -> Locator:
    return part(page, "texts").locator(f'[data-text="0"][data-token="{position}"]')


def brightest_patch(page: Page) -> int:
    settle(page)
    across, down = part(page, "image").evaluate(BRIGHTEST)
    return int(down * ROWS) * COLS + int(across * COLS)


def sent(page: Page) -> list[Any]:
    return page.evaluate("window.sent")


def colour_at(page: Page, canvas: str, patch: int) -> str:
    """What colour the middle of a patch has, on an image that is grey."""
    settle(page)
    red, blue = part(page, canvas).evaluate(
        """(canvas, [row, col, rows, cols]) => {
          const at = (place, count, size) => Math.floor(((place + 0.5) / count) * size);
          const [x, y] = [at(col, cols, canvas.width), at(row, rows, canvas.height)];
          const { data } = canvas.getContext("2d").getImageData(x, y, 1, 1);
          return [data[0], data[2]];
        }""",
        [patch // COLS, patch % COLS, ROWS, COLS],
    )
    if abs(red - blue) < 20:
        return "grey"
    return "orange" if red > blue else "blue"


def tell(page: Page, finding: dict[str, Any] | None) -> None:
    page.evaluate("(finding) => explorer.showFinding(finding)", finding)
