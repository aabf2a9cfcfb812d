"""The explorer alone on a bare page: two maps side by side."""

import base64

import pytest
from playwright.sync_api import Page, expect

from tests.browser.explorer_page import (
    Open,
    colour_at,
    part,
    query,
    sent,
    settle,
)
from tests.stacks import (
    HOSTILE,
    make_stack,
    striped,
)

pytestmark = pytest.mark.browser


@pytest.fixture
def page(open_explorer: Open) -> Page:
    return open_explorer(make_stack())


def test_map_is_kept_and_compared_with_another(page: Page) -> None:
    expect(part(page, "compare")).to_be_hidden()
    query(page, 0).click()
    part(page, "keep").click()
    expect(part(page, "compare-description")).to_contain_text("The two are the same.")
    expect(part(page, "difference-figure")).to_be_hidden()
    query(page, 3).click()  # its peak is patch 0, in the corner; that of query 0 is beside it
    expect(part(page, "kept-name")).to_contain_text("Query 0 · mean of all layers")
    expect(part(page, "shown-name")).to_contain_text("Query 3 · mean of all layers")
    # A peak holds 0.20 on average, the other patches 0.01 each, sent in steps of 0.30 / 255.
    peak, other = 170, 8
    moved = round(100 * (peak - other) / (peak + 15 * other))
    expect(part(page, "compare-description")).to_contain_text(f"{moved}% of the map lies elsewhere")
    expect(part(page, "difference-ticks")).to_have_text(f"−{moved}%0+{moved}%")
    expect(part(page, "kept-ticks")).to_have_text(
        part(page, "shown-ticks").inner_text().replace("\n", "")
    )
    assert colour_at(page, "difference", 1) == "blue"
    assert colour_at(page, "difference", 0) == "orange"
    assert colour_at(page, "difference", 10) == "grey"
    part(page, "forget").click()
    expect(part(page, "compare")).to_be_hidden()
    expect(part(page, "keep")).to_be_focused()


def test_kept_map_outlives_its_text_and_its_image(page: Page) -> None:
    query(page, 4).click()
    page.keyboard.press("c")
    expect(part(page, "compare")).to_be_visible()
    page.evaluate("() => explorer.show(null)")
    page.evaluate("(stack) => explorer.show(stack)", make_stack(striped(160, 40), text=HOSTILE))
    expect(part(page, "kept-name")).to_contain_text("for “a car and a")
    expect(part(page, "shown-name")).to_contain_text(HOSTILE)
    expect(part(page, "compare-description")).to_contain_text("The two are the same")
    query(page, 3).click()
    expect(part(page, "compare-description")).to_contain_text("The images differ")
    assert page.evaluate("window.broken") is None
    shapes = [part(page, name).bounding_box() for name in ("kept", "shown")]
    sides = [box["width"] / box["height"] for box in shapes]
    assert sides == pytest.approx([1, 4], rel=0.03)
    assert sent(page) == []


def test_what_was_chosen_a_moment_ago_is_kept(page: Page) -> None:
    query(page, 0).click()
    settle(page)
    page.evaluate("""() => {
      document.querySelector('[data-part="maps"] [data-query="3"]').click();
      document.querySelector('[data-part="keep"]').click();
    }""")  # before the next frame is drawn
    expect(part(page, "kept-name")).to_contain_text("Query 3")
    expect(part(page, "compare-description")).to_contain_text("The two are the same")


def test_other_grids_are_shown_without_a_difference(page: Page) -> None:
    part(page, "keep").click()
    stack = make_stack()
    for one in stack["maps"]:
        one["values"] = base64.b64encode(base64.b64decode(one["values"])[:8]).decode()
    stack |= {"rows": 2, "cols": 4, "answer": None}
    page.evaluate("(stack) => explorer.show(stack)", stack)
    expect(part(page, "compare-description")).to_contain_text(
        "The grids differ (4 × 4 and 2 × 4 patches)"
    )
    expect(part(page, "difference")).to_be_hidden()
