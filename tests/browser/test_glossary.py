"""A term on a page of either app is told where it stands, by mouse, finger and keyboard."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from blip2core.storage.database import open_database
from tests.app.sample_dataset import fill
from tests.browser.journey import Journey, visit
from tests.browser.test_curator import review, studio, wait_for_rest
from tests.browser.test_page import serious

pytestmark = pytest.mark.browser
MARKED = """(term) => [...(CSS.highlights.get("glossary-term") ?? [])].some(
  (range) => range.toString() === term && range.getBoundingClientRect().width)"""
MIDDLE = """(term) => {
  for (const range of CSS.highlights.get("glossary-term")) {
    if (range.toString() !== term) continue;
    range.startContainer.parentElement.scrollIntoView({ block: "center" });
    const box = range.getBoundingClientRect();
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    // Not what is folded away, which has a size, too.
    if (document.elementFromPoint(x, y)?.contains(range.startContainer)
      && document.caretPositionFromPoint(x, y).offsetNode === range.startContainer) return [x, y];
  }
}"""


def middle_of(page: Page, term: str) -> tuple[float, float]:
    """Where the term stands on the page, once it is underlined."""
    page.wait_for_function(MARKED, arg=term)
    x, y = page.evaluate(MIDDLE, term)
    return x, y


@pytest.fixture
def journey(browser: Browser, address: str) -> Iterator[Journey]:
    with visit(browser, f"{address}?tab=match") as journey:
        yield journey


def test_a_term_is_told_where_it_is_pressed_and_the_list_by_g(journey: Journey) -> None:
    page = journey.page
    page.mouse.click(*middle_of(page, "ITM"))
    told = page.get_by_role("dialog", name="ITM")
    expect(told).to_contain_text("ITM: Image-text matching: the probability")
    assert serious(journey) == []
    page.keyboard.press("Escape")
    expect(told).to_be_hidden()
    page.keyboard.press("g")
    everything = page.get_by_role("dialog", name="Terms")
    expect(everything.locator("dl").first.locator("dt")).to_contain_text(["cosine", "ITC", "ITM"])
    expect(everything.locator("dl").last).to_contain_text("faithfulness")
    expect(everything).to_be_focused()
    assert serious(journey) == []
    everything.get_by_role("button", name="Close").click()
    expect(everything).to_be_hidden()
    page.get_by_role("button", name="Terms (G)").click()
    expect(everything).to_be_visible()


def test_no_letter_is_lost_while_one_types(journey: Journey) -> None:
    box = journey.page.get_by_label("Texts, one on each line")
    box.press_sequentially("a green G")
    expect(box).to_have_value("a green G")
    expect(journey.page.get_by_role("dialog")).to_have_count(0)


def test_what_a_visitor_wrote_is_left_alone(journey: Journey) -> None:
    page = journey.page
    middle_of(page, "ITM")
    page.get_by_role("tab", name="Chat").click()
    journey.take_example(1)
    expect(journey.ask("What is a logit?")).not_to_have_text("…")
    page.get_by_role("tab", name="Match").click()
    middle_of(page, "ITM")
    assert not page.evaluate(MARKED, "logit")


def test_a_finger_finds_it_at_the_lower_edge(browser: Browser, address: str) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    with visit(browser, f"{address}?tab=match", **phone) as journey:
        page = journey.page
        page.touchscreen.tap(*middle_of(page, "ITC"))
        told = page.get_by_role("dialog", name="ITC")
        expect(told).to_contain_text("Image-text contrast")
        box = told.bounding_box()
        assert box["x"] == 0 and box["width"] == 390 and box["y"] + box["height"] == 844
        assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_the_curator_tells_terms_and_its_keys_rest_meanwhile(
    browser: Browser, tmp_path: Path
) -> None:
    database = open_database(str(tmp_path / "studio.db"))
    fill(database, 2)
    database.close()
    with studio(tmp_path) as address, review(browser, address) as page:
        wait_for_rest(page)
        page.wait_for_function("() => document.querySelector('.stMain img')?.naturalWidth")
        page.mouse.click(*middle_of(page, "ITM"))
        told = page.get_by_role("dialog", name="ITM")
        expect(told).to_contain_text("Image-text matching")
        page.keyboard.press("s")  # would skip the image
        page.keyboard.press("Escape")
        expect(told).to_be_hidden()
        page.keyboard.press("g")
        everything = page.get_by_role("dialog", name="Terms")
        expect(everything.locator("dl").first).to_contain_text("threshold")
        link = everything.get_by_role("link", name="How BLIP-2 answers")
        assert link.evaluate("link => link.href") == f"{address}?tab=how"
        page.keyboard.press("Escape")
        expect(page.get_by_text("0 decided, 2 left")).to_be_visible()
        expect(page.get_by_role("button", name="Back")).to_be_disabled()
