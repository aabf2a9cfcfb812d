"""The tab that looks inside, with the embedded models: no fake anywhere."""

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, expect

from app.services import Services, build_services
from app.serving.alone import serve_page
from app.settings import AppSettings
from app.workbench.page import build_workbench
from blip2core.explain import faithfulness
from blip2core.models.specs import find_spec
from tests.browser.journey import Journey, visit
from tests.fakes import Held, fake_services

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not (find_spec("stickers-opt").checkpoint / "config.json").is_file(),
        reason="there is no embedded checkpoint",
    ),
]
SMALL_CONTROLS = """() => {
  const controls = "#explorer :is(button, select, input), #inside-ask button";
  const seen = [...document.querySelectorAll(controls)].filter((one) => one.checkVisibility());
  if (seen.length < 40) return ["too few were found"];
  return seen
    .map((one) => one.closest("label.tick") ?? one) // its label is pressed as well
    .map((one) => [one.textContent || one.dataset.part, one.getBoundingClientRect()])
    .filter(([, { width, height }]) => width < 44 || height < 44)
    .map(([name, { width, height }]) => `${name}: ${width} x ${height}`);
}"""
"""What is smaller than 44 by 44 pixels."""
HOSTILE = '<img src=x onerror="window.broken=1">'


@pytest.fixture(scope="module")
def services() -> Services:
    return build_services(AppSettings())


@pytest.fixture(scope="module")
def real(services: Services) -> Iterator[str]:
    """Where the page with the embedded models is served."""
    page = build_workbench(services)
    yield serve_page(page, services)
    page.close()


@pytest.fixture
def inside(browser: Browser, real: str) -> Iterator[Journey]:
    """A visitor who came by the link to the tab."""
    with visit(browser, f"{real}?tab=inside") as journey:
        expect(part(journey, "title")).not_to_have_text("")
        yield journey


def part(journey: Journey, name: str) -> Locator:
    return journey.page.locator(f'#explorer [data-part="{name}"]')


def look(journey: Journey, text: str = "") -> None:
    """Choose an image and look inside it, for its caption or another text."""
    journey.press("Example 2")
    expect(part(journey, "body")).to_be_hidden()
    expect(journey.caption).to_have_value(re.compile("snail"))
    if text:
        journey.page.get_by_label("A text about the image").fill(text)
    journey.press("Look inside")
    expect(part(journey, "body")).to_be_visible()


def press(journey: Journey, name: str) -> None:
    """A button of the explorer; of words, that of the text, which stands first."""
    part(journey, "root").get_by_role("button", name=name, exact=True).first.click()


def test_finished_example_is_there_before_any_model(browser: Browser) -> None:
    waiting = fake_services(None)
    page = build_workbench(waiting)
    try:
        with visit(browser, f"{serve_page(page, waiting)}?tab=inside") as journey:
            expect(part(journey, "note")).to_contain_text("A finished example")
            expect(part(journey, "description")).to_contain_text("Strongest")
            press(journey, "snail")
            expect(part(journey, "title")).to_contain_text("“snail”")
    finally:
        page.close()


def test_from_image_to_word_to_query(inside: Journey, services: Services) -> None:
    generator = services.engine.pair("stickers-opt").generator
    seen = generator.vision.calls
    look(inside)
    expect(part(inside, "note")).to_be_hidden()
    expect(part(inside, "look-finding")).to_be_hidden()
    press(inside, "snail")
    expect(part(inside, "title")).to_have_text(re.compile("The text · “snail”, word"))
    expect(part(inside, "description")).to_contain_text("The queries that attend to it most")

    press(inside, "Test this map")
    tested = part(inside, "test-finding")
    expect(tested).to_contain_text("Deletion")
    expect(tested.get_by_role("img")).to_have_count(2)

    press(inside, "Mask patches")
    press(inside, "Mask the strongest")
    press(inside, "Ask again without them")
    expect(part(inside, "mask-finding")).to_contain_text("Whole image")
    expect(part(inside, "mask-finding")).to_contain_text("of 64 patches hidden")
    assert generator.vision.calls == seen + 1


def test_scrubbing_asks_the_server_for_nothing(inside: Journey) -> None:
    look(inside)
    inside.page.wait_for_timeout(1500)  # until the page itself has come to rest
    asked: list[str] = []
    inside.page.on("request", lambda request: asked.append(request.url))
    part(inside, "maps").locator(".query").nth(3).click()
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "h", "p", "ArrowLeft", "ArrowUp"):
        inside.page.keyboard.press(key)
    part(inside, "opacity").fill("40")
    part(inside, "sort").select_option("similarity")
    part(inside, "clip").check()
    part(inside, "keep").click()
    part(inside, "scale").select_option("own")
    part(inside, "matrix").get_by_role("button").first.click()
    press(inside, "snail")
    inside.page.wait_for_timeout(500)  # what would be asked late
    assert asked == []


def test_two_texts_are_compared(inside: Journey) -> None:
    look(inside)
    press(inside, "Closest query")
    inside.page.keyboard.press("c")
    expect(part(inside, "compare-description")).to_contain_text("The two are the same")
    inside.page.get_by_label("A text about the image").fill("a city")
    inside.press("Look inside")
    expect(part(inside, "shown-name")).to_contain_text("for “a city”")
    expect(part(inside, "kept-name")).to_contain_text("snail")
    expect(part(inside, "compare-description")).to_contain_text("of the map lies elsewhere")
    expect(part(inside, "difference-ticks")).to_contain_text("%0+")


def test_answer_of_the_chat_is_followed(inside: Journey) -> None:
    inside.press("Example 2")
    expect(inside.caption).to_have_value(re.compile("snail"))
    inside.page.get_by_role("tab", name="Chat").click()
    expect(inside.ask("What is to the left of the snail?")).to_have_text("a cap")
    inside.page.get_by_role("tab", name="Look inside").click()
    inside.press("Use the latest answer")
    expect(inside.page.get_by_label("A text about the image")).to_have_value("a cap")
    inside.press("Look inside")
    texts = part(inside, "texts")
    expect(texts).to_contain_text("Question: What is to the left of the snail? Answer:")
    texts.get_by_label("What the model wrote").get_by_role("button", name="cap").click()
    expect(part(inside, "description")).to_contain_text(
        "of what the model attended to was the image"
    )
    expect(part(inside, "test")).to_be_disabled()


def test_hostile_text_stays_text(inside: Journey) -> None:
    look(inside, HOSTILE)
    expect(part(inside, "texts")).to_contain_text("onerror")
    for word in part(inside, "texts").get_by_role("button").all():
        word.click()
    assert inside.page.evaluate("window.broken") is None


def test_example_can_be_made_anew(inside: Journey) -> None:
    expect(part(inside, "note")).to_contain_text("A finished example")
    expect(part(inside, "test")).to_be_disabled()
    inside.press("Look inside")
    expect(part(inside, "note")).to_be_hidden()
    expect(part(inside, "test")).to_be_enabled()


def test_stop_ends_the_work(inside: Journey, monkeypatch: pytest.MonkeyPatch) -> None:
    look(inside)
    held = Held(faithfulness._scores, after=2)
    monkeypatch.setattr(faithfulness, "_scores", held)
    press(inside, "Test this map")
    part(inside, "test-finding").get_by_role("button", name="Stop").click()
    expect(part(inside, "test-finding")).to_be_hidden()
    held.let_go()
    time.sleep(2)
    assert held.calls <= 3
    monkeypatch.undo()
    press(inside, "Test this map")
    expect(part(inside, "test-finding")).to_contain_text("Deletion")


def test_numbers_are_saved(inside: Journey) -> None:
    look(inside)
    with inside.page.expect_download() as download:
        press(inside, "All numbers as NPZ")
    assert re.fullmatch(r"attention-[a-z-]+\.npz", download.value.suggested_filename)
    assert download.value.path().read_bytes()[:2] == b"PK"


def test_false_text_is_said_to_be_one_before_all_else(inside: Journey) -> None:
    look(inside, "a red car")
    fit = part(inside, "fit")
    expect(fit).to_have_text(re.compile("^ITM 0.0.*“a red car” does not fit the image"))
    expect(part(inside, "title")).to_contain_text("Closest query · query ")
    seen = part(inside, "body").inner_text()
    assert seen.startswith(fit.inner_text())
    assert not re.search(r"best|\bmatch\b|found|\bwins?\b", seen, re.IGNORECASE)
    tree = part(inside, "root").aria_snapshot()
    assert tree.index("does not fit") < tree.index("img")
    press(inside, "Grad-CAM")
    press(inside, "Test this map")
    tested = part(inside, "test-finding")
    expect(tested).to_contain_text("the text does not fit")
    expect(tested).to_contain_text("do not read this map")
    expect(tested).not_to_contain_text("depends on what the model learned")
    expect(tested.locator(".verdict.good")).to_have_count(0)


def test_words_that_were_never_learned_are_said_to_be(inside: Journey) -> None:
    look(inside, "a woman in a space suit")
    expect(part(inside, "fit")).to_contain_text(
        "says nothing of “a woman in a space suit”: the matcher never learned “woman”, “space” and"
    )


def test_header_and_ring_follow_the_text(inside: Journey) -> None:
    look(inside)
    queries = []
    for text in ("a snail", "a yellow cap", "a snail"):
        inside.page.get_by_label("A text about the image").fill(text)
        inside.press("Look inside")
        expect(part(inside, "fit")).to_contain_text(f"“{text}”")
        ring = part(inside, "maps").locator('[aria-pressed="true"]')
        expect(ring).to_have_count(1)
        query = ring.get_attribute("data-query")
        expect(part(inside, "title")).to_have_text(f"Closest query · query {query}")
        expect(part(inside, "bars").locator('[aria-pressed="true"] .name')).to_have_text(query)
        expect(part(inside, "matrix-description")).to_contain_text(f"query {query} attends")
        queries.append(query)
    assert queries[0] == queries[2] != queries[1]


def test_map_is_on_the_first_screen_of_a_laptop_and_the_image_is_there_once(
    browser: Browser, real: str
) -> None:
    size = {"width": 1366, "height": 768}
    with visit(browser, f"{real}?tab=inside", viewport=size) as journey:
        look(journey)
        box = part(journey, "image").bounding_box()
        assert journey.page.evaluate("scrollY") == 0
        assert box["y"] > 0 and box["y"] + box["height"] <= 768
        expect(journey.shown).to_be_hidden()
        journey.page.get_by_role("tab", name="Chat").click()
        expect(journey.shown).to_be_visible()


def test_controls_are_large_enough_for_a_finger(browser: Browser, real: str) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    with visit(browser, f"{real}?tab=inside", **phone) as journey:
        look(journey)
        expect(part(journey, "image")).to_be_in_viewport(ratio=0.99)
        press(journey, "Mask patches")
        press(journey, "Keep to compare")
        small = journey.page.evaluate(SMALL_CONTROLS)
        assert small == []
        assert journey.page.evaluate("document.documentElement.scrollWidth") == 390


@pytest.mark.parametrize("width", [390, 3840])
def test_fits_phones_and_large_screens(browser: Browser, real: str, width: int) -> None:
    size = {"width": width, "height": 900}
    with visit(browser, f"{real}?tab=inside", viewport=size, color_scheme="dark") as journey:
        expect(part(journey, "title")).not_to_have_text("")
        assert journey.page.evaluate("document.documentElement.scrollWidth") <= width
