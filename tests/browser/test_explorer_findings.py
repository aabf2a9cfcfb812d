"""The explorer alone on a bare page: what is asked of the model, and what comes back."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.explorer_page import (
    Open,
    part,
    query,
    sent,
    settle,
    tell,
    word,
)
from tests.stacks import (
    COLS,
    HOSTILE,
    ROWS,
    make_stack,
    peak,
    striped,
)

pytestmark = pytest.mark.browser


@pytest.fixture
def page(open_explorer: Open) -> Page:
    return open_explorer(make_stack())


def test_pointing_at_a_patch_names_the_queries_that_look_there(page: Page) -> None:
    page.set_viewport_size({"width": 1000, "height": 900})
    canvas = part(page, "image")
    box = canvas.bounding_box()
    row, col = divmod(peak(1), COLS)
    middle = ((col + 0.5) / COLS * box["width"], (row + 0.5) / ROWS * box["height"])
    canvas.hover(position={"x": middle[0], "y": middle[1]})
    expect(part(page, "patch")).to_contain_text(f"Row {row + 1}, column {col + 1}: queries 1 (20%)")
    page.mouse.move(0, 0)
    expect(part(page, "patch")).to_contain_text("Point at the image")


def test_patches_are_painted_and_sent_once(page: Page) -> None:
    part(page, "masking").click()
    expect(part(page, "ask-again")).to_be_disabled()
    canvas = part(page, "image")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    y = box["y"] + box["height"] / ROWS / 2
    page.mouse.move(box["x"] + 5, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, y, steps=12)
    page.mouse.up()
    expect(part(page, "mask-description")).to_contain_text("3 patches hidden")
    assert sent(page) == []
    part(page, "ask-again").click()
    assert sent(page) == [["mask", {"patches": [0, 1, 2]}]]


def test_patches_are_hidden_by_keyboard(page: Page) -> None:
    part(page, "masking").click()
    part(page, "image").focus()
    for key in ("Shift+ArrowRight", "Shift+ArrowDown", "Space"):
        page.keyboard.press(key)
        settle(page)
    part(page, "ask-again").click()
    assert sent(page) == [["mask", {"patches": [COLS]}]]


def test_answer_has_no_score_to_be_tested_by(page: Page) -> None:
    part(page, "texts").get_by_role("button", name="octopus").click()
    expect(part(page, "test")).to_be_disabled()
    query(page, 1).click()
    expect(part(page, "test")).to_be_enabled()


def test_progress_can_be_stopped(page: Page) -> None:
    tell(page, {"kind": "test", "state": "running", "done": 3, "total": 9, "what": "Hiding"})
    finding = part(page, "test-finding")
    expect(finding).to_contain_text("Hiding · 3 of 9")
    stop = finding.get_by_role("button", name="Stop").element_handle()
    tell(page, {"kind": "test", "state": "running", "done": 4, "total": 9, "what": "Hiding"})
    expect(finding.get_by_role("progressbar")).to_have_attribute("value", "4")
    stop.click()  # the same button: one that is replaced while it is pressed does nothing
    assert [name for name, _ in sent(page)] == ["halt"]
    tell(page, None)
    expect(finding).to_be_hidden()


def test_curves_are_drawn_against_chance(page: Page) -> None:
    result = {
        "map": 'word "car"',
        "shown": [1, 0.5, 0],
        "deletion": [1, 0.2, 0],
        "insertion": [1, 0.9, 0],
        "random": [1, 0.5, 0],
        "verdict": "Better than chance.",
        "good": True,
        "sanity": "It depends on the weights.",
    }
    tell(page, {"kind": "test", "state": "done", "result": result})
    finding = part(page, "test-finding")
    expect(finding).to_contain_text("Better than chance.")
    expect(finding).to_contain_text("It depends on the weights.")
    expect(finding.get_by_role("img")).to_have_count(2)
    points = finding.locator("polyline.measured").first.get_attribute("points") or ""
    start, middle, end = [tuple(map(float, point.split(","))) for point in points.split()]
    assert start[0] < middle[0] < end[0] and start[1] < middle[1] < end[1]


def test_answers_stand_side_by_side(page: Page) -> None:
    result = {
        "question": HOSTILE,
        "text": HOSTILE,
        "hidden": 3,
        "patches": 16,
        "before": {"answer": HOSTILE, "itm": 0.9, "itc": 0.5},
        "after": {"answer": "a bus", "itm": 0.4, "itc": 0.45},
    }
    tell(page, {"kind": "mask", "state": "done", "result": result})
    finding = part(page, "mask-finding")
    expect(finding).to_contain_text("3 of 16 patches hidden")
    expect(finding).to_contain_text("Match (ITM) 0.40 (−0.50)")
    expect(finding).to_contain_text("The answer changed.")
    expect(finding.locator(".answer").first).to_have_text(HOSTILE)
    assert page.evaluate("window.broken") is None


def test_trouble_is_said_where_the_button_is(page: Page) -> None:
    tell(page, {"kind": "mask", "state": "failed", "message": "Not asked: <b>why</b>"})
    expect(page.get_by_role("alert")).to_have_text("Not asked: <b>why</b>")


def test_example_is_no_subject_for_further_questions(open_explorer: Open) -> None:
    page = open_explorer(make_stack(example=True, note="A finished example."))
    part(page, "masking").click()
    part(page, "mask-peak").click()
    expect(part(page, "mask-description")).to_contain_text("press “Look inside” first")
    expect(part(page, "ask-again")).to_be_disabled()
    expect(part(page, "test")).to_be_disabled()


def test_map_on_screen_is_named_for_the_test(page: Page) -> None:
    part(page, "test").click()
    word(page, 3).click()
    part(page, "test").click()
    seen = {"signal": "attention", "layer": -1, "head": -1, "query": 2}
    assert sent(page) == [["test", seen], ["test", seen | {"text": "text", "token": 3}]]


def test_choice_survives_another_image_of_the_same_shape(page: Page) -> None:
    query(page, 4).click()
    part(page, "layer").select_option(label="2")
    settle(page)
    page.evaluate("(stack) => explorer.show(stack)", make_stack(striped(120, 40)))
    expect(part(page, "title")).to_have_text("Query 4 · layer 2, mean of all heads")
    page.evaluate("() => explorer.show(null)")
    expect(part(page, "empty")).to_be_visible()
    expect(part(page, "body")).to_be_hidden()


def test_what_is_shown_is_said_aloud(page: Page) -> None:
    expect(part(page, "description")).to_have_attribute("aria-live", "polite")
    label = part(page, "image").get_attribute("aria-label") or ""
    first, _, rest = label.partition(" Query 2 · ")
    assert first == part(page, "fit").inner_text() and first.startswith("ITM 0.900: ")
    assert "Strongest" in rest


@pytest.mark.parametrize("width", [390, 3840])
def test_fits_phones_and_large_screens(open_explorer: Open, width: int) -> None:
    page = open_explorer(make_stack(), viewport={"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_nothing_is_fetched(open_explorer: Open, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for key in ("ArrowRight", "ArrowDown", "h", "p"):
        query(page, 3).focus()
        page.keyboard.press(key)
    settle(page)
    assert asked == []
