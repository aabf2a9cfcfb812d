"""Every page of both apps, the screens they are looked at on, and what is measured there."""

import re
from typing import Any, NamedTuple

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from app.curator.main import PAGE_TITLES
from app.workbench.page import TABS
from tests.browser.journey import PATIENCE

HEIGHTS = {390: 844, 768: 1024, 1366: 768, 1920: 1080}
"""Width of a screen -> its height, in CSS pixels: a phone, a tablet, a laptop, a desk."""
TOUCHED = (390, 768)
SCHEMES = ("light", "dark")
TARGET = 44
"""Least height and width, in pixels, of what a finger meets (WCAG 2.2, 2.5.5)."""
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}


class Screen(NamedTuple):
    """A page of either app."""

    name: str
    path: str
    """Below the address of the studio."""


SCREENS = [
    *(Screen(f"workbench-{name}", f"?tab={name}") for name in TABS),
    *(Screen(f"curator-{name}", f"curator/{name}?dataset=samples&who=ada") for name in PAGE_TITLES),
]


def new_page(browser: Browser, width: int, scheme: str, **more: Any) -> Page:
    """A page of a visitor of its own, on a screen that is touched where such screens are."""
    expect.set_options(timeout=PATIENCE)
    context = browser.new_context(
        viewport={"width": width, "height": HEIGHTS[width]},
        color_scheme=scheme,
        has_touch=width in TOUCHED,
        is_mobile=width in TOUCHED,
        **more,
    )
    context.set_default_timeout(PATIENCE)
    return context.new_page()


def open_screen(page: Page, address: str, screen: Screen) -> None:
    """Go to a page, and wait until it has drawn what it first shows."""
    page.goto(f"{address.rstrip('/')}/{screen.path}")
    if screen.name.startswith("workbench"):
        expect(page.locator(".badge.ready")).to_be_visible()
        expect(page.locator("#tabs [role=tab][aria-selected=true]")).to_be_visible()
        if screen.name == "workbench-inside":  # what it shows is named when it is drawn
            map_of_image = page.locator("#explorer [data-part=image]")
            expect(map_of_image).to_have_attribute("aria-label", re.compile(r"\w"))
        return
    header = page.locator(".studio-header nav")
    try:
        expect(header).to_be_visible(timeout=PATIENCE / 2)
    except AssertionError:
        # On a busy machine Streamlit 1.67 may never draw what it loads late, on a page of which a
        # part is drawn again every two seconds.
        page.reload()
        expect(header).to_be_visible()
    app = page.get_by_test_id("stApp")
    expect(app).to_have_attribute("data-test-script-state", "notRunning")
    expect(page.locator('[data-testid="stSkeleton"]')).to_have_count(0)


TOO_WIDE = """() => {
  const scrolls = (one) => {
    for (let at = one.parentElement; at && at !== document.body; at = at.parentElement)
      if (["auto", "scroll", "hidden", "clip"].includes(getComputedStyle(at).overflowX))
        if (!at.matches(".stMain, .stApp, .stAppViewContainer")) return true;
    return false;
  };
  const found = [...document.querySelectorAll("body *")].filter((one) => {
    const box = one.getBoundingClientRect();
    return box.width > 0 && box.right > innerWidth + 1 && one.checkVisibility() && !scrolls(one);
  });
  const names = found.map((one) => `${one.tagName} ${one.id} ${one.getAttribute("class")}`);
  const page = document.documentElement.scrollWidth;
  return page > innerWidth ? [`the page is ${page} wide`, ...names] : names;
}"""


def too_wide(page: Page) -> list[str]:
    """What reaches beyond the right edge of the screen; what lies in a box that scrolls may."""
    found: list[str] = page.evaluate(TOO_WIDE)
    return found


SMALL = """([least, leave]) => {
  const kinds = "button, a[href], input, select, textarea, summary, [role=tab], [role=button]";
  const tell = (one) => {
    const text = (one.ariaLabel ?? one.textContent).trim().slice(0, 30);
    const box = one.getBoundingClientRect();
    return `${one.tagName} "${text}" ${Math.round(box.width)} x ${Math.round(box.height)}`;
  };
  const isSmall = (one) => {
    const typed = one.matches("input:not([type=checkbox], [type=radio]), textarea, select");
    const box = ((!typed && one.closest("label")) || one).getBoundingClientRect();
    return box.height < least - 0.5 || (!typed && box.width < least - 0.5);
  };
  return [...document.querySelectorAll(kinds)]
    .filter((one) => one.checkVisibility({ opacityProperty: true, visibilityProperty: true }))
    .filter((one) => !one.closest(leave) && !one.disabled && one.getBoundingClientRect().width > 2)
    .filter((one) => getComputedStyle(one).display !== "inline")
    .filter(isSmall)
    .map(tell);
}"""
CLOSED_OR_DENSE = (
    '.stSidebar[data-collapsed="true"], #explorer, .sr-only, [data-testid=stSkipToContent]'
)
"""Not measured: a sidebar that is closed; the words of a sentence and the bars of sixteen queries,
which stand side by side and can be reached with arrow keys too."""


def small_targets(page: Page) -> list[str]:
    """What can be pressed and is smaller than a finger; links within a text may be."""
    found: list[str] = page.evaluate(SMALL, [TARGET, CLOSED_OR_DENSE])
    return found


def serious(page: Page) -> list[str]:
    """What axe calls serious or critical, with the place of each."""
    found = Axe().run(page, options=RULES).response["violations"]
    return [
        f"{rule['id']}: {node['html'][:200]}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]
