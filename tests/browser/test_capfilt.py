"""A visitor's way through the CapFilt tab, in a real Chromium, with tiny random models."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect

from app.inference.capfilt_tasks import caption_and_score_image
from app.inference.engine import Engine
from app.services import Services
from app.serving.alone import serve_page
from app.settings import AppSettings
from app.workbench.page import build_workbench
from blip2core.storage import open_database
from tests.browser.conftest import draw
from tests.browser.journey import Journey, visit
from tests.browser.test_page import serious
from tests.capfilt.conftest import tiny_pair
from tests.fakes import FakeModels, Held

pytestmark = pytest.mark.browser
HOSTILE = "<img src=x onerror=alert(1)> {{value}} ${value}"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the page is served, with a database."""
    file = tmp_path_factory.mktemp("database") / "studio.db"
    settings = AppSettings(max_new_tokens=8)
    services = Services(
        settings=settings,
        engine=Engine(FakeModels(*tiny_pair())),
        database=open_database(f"sqlite:///{file}"),
    )
    page = build_workbench(services)
    yield serve_page(page, services)
    page.close()


@pytest.fixture
def arrived(browser: Browser, address: str) -> Iterator[Journey]:
    """On the tab, with nothing given yet."""
    with visit(browser, f"{address}?tab=capfilt") as journey:
        yield journey


@pytest.fixture
def on_tab(arrived: Journey, tmp_path: Path) -> Journey:
    """On the tab, with two images captioned and filtered."""
    note = tmp_path / "note.png"
    note.write_text("Dear diary")
    give(arrived, *(draw(tmp_path / f"{name}.png", name) for name in ("one", "two")), note)
    expect(arrived.page.get_by_text("not an image but a text")).to_be_visible()
    box(arrived, "one.png").fill("a dog")
    box(arrived, "two.png").fill(HOSTILE)
    filter_(arrived)
    return arrived


def give(journey: Journey, *files: Path) -> None:
    journey.page.locator("#pair-files input[type=file]").set_input_files(files)


def box(journey: Journey, name: str) -> Locator:
    """Where the texts beside an image are typed."""
    return journey.page.get_by_label(f"Texts from the web for {name}")


def filter_(journey: Journey) -> None:
    journey.press("Caption and filter")
    expect(rows(journey).first).to_be_visible()
    # Only what is done has links to save it. That Stop is not to be seen says less: it may not have
    # been drawn yet when the first card is.
    expect(journey.page.get_by_role("link", name="Download CSV")).to_be_visible()
    expect(journey.page.locator("#pairs-stop")).to_be_hidden()


def card(journey: Journey, name: str) -> Locator:
    """The card of an image."""
    return journey.page.locator("#pairs article").filter(
        has=journey.page.get_by_role("heading", name=name)
    )


def rows(journey: Journey, kind: str = "") -> Locator:
    return journey.page.locator(f"#pairs li{kind}")


def move_threshold(journey: Journey, value: str) -> None:
    box = journey.page.locator("#pair-threshold input[type=number]")
    box.fill(value)
    box.press("Enter")


def test_pairs_are_filtered_judged_edited_and_saved(on_tab: Journey) -> None:
    total = rows(on_tab).count()
    move_threshold(on_tab, "0")
    expect(rows(on_tab, ".kept")).to_have_count(total)
    on_tab.press("Reject: a dog")
    expect(rows(on_tab, ".rejected")).to_have_count(1)
    on_tab.press("Accept all kept")
    expect(rows(on_tab, ".accepted")).to_have_count(total - 1)
    # Gradio nests a file input in the button that adds files.
    assert [one for one in serious(on_tab) if "common.upload" not in one] == []
    move_threshold(on_tab, "1")
    expect(rows(on_tab, ".dropped")).to_have_count(total)
    on_tab.press("Edit: a dog")
    editor = on_tab.page.get_by_label("The edited text")
    expect(editor).to_be_focused()
    editor.fill("a small dog")
    move_threshold(on_tab, "0")
    expect(rows(on_tab, ".kept")).to_have_count(total)
    expect(editor).to_have_value("a small dog")  # what is written survives a new drawing
    editor.press("Control+Enter")
    expect(rows(on_tab)).to_have_count(total + 1)
    on_tab.press("Accept: a small dog")
    expect(rows(on_tab, ".accepted")).to_have_count(total)
    on_tab.press("Save to dataset")
    dialog = on_tab.page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"{total} accepted texts and 1 rejected text of 2 images.")
    on_tab.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    on_tab.press("Save to dataset")
    dialog.get_by_label("Its name").fill("mine")
    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(dialog).to_contain_text(f"2 images with {total} accepted texts and 1 rejected text.")
    link = dialog.get_by_role("link", name="two.png")
    expect(link).to_have_attribute("href", "curator/review?dataset=mine&item=2")
    dialog.get_by_role("button", name="Close").click()
    on_tab.press("Save to dataset")
    expect(dialog.get_by_role("combobox")).to_have_value("mine")


def test_a_text_goes_with_the_image_that_it_stands_beside(arrived: Journey, tmp_path: Path) -> None:
    """Whatever is removed from the list, added to it or put elsewhere before it begins."""
    one, two, three = (draw(tmp_path / f"{name}.png", name) for name in ("one", "two", "three"))
    give(arrived, one, two)
    box(arrived, "one.png").fill("about one")
    box(arrived, "two.png").fill("about two")
    arrived.page.locator("#pair-files").get_by_role("button", name="Remove").first.click()
    expect(box(arrived, "one.png")).to_have_count(0)
    expect(box(arrived, "two.png")).to_have_value("about two")
    arrived.page.locator("#pair-files").get_by_role("button", name="Clear").click()
    expect(box(arrived, "two.png")).to_have_count(0)
    give(arrived, three, two, one)
    expect(box(arrived, "three.png")).to_have_value("")
    expect(box(arrived, "two.png")).to_have_value("about two")
    box(arrived, "three.png").fill("about three")
    filter_(arrived)
    for name in ("one", "two", "three"):
        web = card(arrived, f"{name}.png").locator("li", has_text="web")
        expect(web).to_contain_text(f"about {name}")


def test_an_open_edit_is_asked_about_before_the_next_run(on_tab: Journey) -> None:
    total = rows(on_tab).count()
    on_tab.press("Edit: a dog")
    editor = on_tab.page.get_by_label("The edited text")
    editor.fill("a small dog")
    for name in (
        "Accept all kept",
        "Caption and filter",
        "Try it with the sample set",
        "Save to dataset",
    ):
        on_tab.press(name)
        expect(on_tab.page.get_by_text("This edit is open.")).to_be_visible()
        expect(editor).to_be_focused()
    expect(rows(on_tab)).to_have_count(total)
    expect(rows(on_tab, ".accepted")).to_have_count(0)
    on_tab.page.get_by_role("button", name="Score it").click()
    expect(rows(on_tab)).to_have_count(total + 1)
    move_threshold(on_tab, "0")
    on_tab.press("Accept all kept")
    expect(rows(on_tab, ".accepted")).to_have_count(total + 1)
    on_tab.press(f"Undo: accept {total + 1} texts")
    expect(rows(on_tab, ".accepted")).to_have_count(0)
    expect(on_tab.page.locator("#accept-undo")).to_be_hidden()


def test_twelve_images_fit_two_screens_without_another_image(
    browser: Browser, address: str
) -> None:
    screen = {"width": 1366, "height": 768}
    with visit(browser, f"{address}?tab=capfilt", viewport=screen) as journey:
        expect(journey.page.locator("#panel")).to_be_hidden()
        expect(journey.page.get_by_role("alert")).to_have_count(0)
        journey.press("Try it with the sample set")
        expect(journey.page.locator("#pairs [data-card]")).to_have_count(12)
        height = journey.page.locator("#pairs .pairs").bounding_box()
        assert height is not None and height["height"] <= 2 * screen["height"]
        journey.press("One pair, step by step")
        expect(journey.page.locator("#panel")).to_be_visible()


def test_a_reload_finds_verdicts_and_texts_again_and_nobody_else_does(
    on_tab: Journey, browser: Browser, address: str
) -> None:
    total = rows(on_tab).count()
    on_tab.press("Reject: a dog")
    expect(rows(on_tab, ".rejected")).to_have_count(1)
    on_tab.press("Edit: a dog")
    on_tab.page.get_by_label("The edited text").fill("a small dog")
    on_tab.page.reload()
    expect(rows(on_tab)).to_have_count(total)
    expect(rows(on_tab, ".rejected")).to_contain_text("a dog")
    expect(on_tab.page.get_by_label("The edited text")).to_have_value("a small dog")
    with visit(browser, f"{address}?tab=capfilt") as stranger:
        expect(stranger.page.locator("#pair-files")).to_be_visible()
        expect(rows(stranger)).to_have_count(0)
    on_tab.page.get_by_role("button", name="Score it").click()
    expect(rows(on_tab)).to_have_count(total + 1)
    on_tab.press("Images and their texts from the web")
    expect(box(on_tab, "two.png")).to_have_value(HOSTILE)


def test_escape_leaves_the_text_as_it_was(on_tab: Journey) -> None:
    total = rows(on_tab).count()
    on_tab.press("Edit: a dog")
    on_tab.page.get_by_label("The edited text").press("Escape")
    expect(on_tab.page.get_by_label("The edited text")).to_have_count(0)
    expect(on_tab.page.get_by_role("button", name="Edit: a dog")).to_be_focused()
    expect(rows(on_tab)).to_have_count(total)


def test_why_looks_inside_with_the_image(on_tab: Journey) -> None:
    on_tab.press(f"Why: {HOSTILE}")
    expect(on_tab.page.get_by_role("tab", name="Look inside")).to_have_attribute(
        "aria-selected", "true"
    )
    expect(on_tab.page.locator("#inside-text textarea")).to_have_value(HOSTILE)
    expect(on_tab.shown).to_be_visible()


def test_one_pair_step_by_step(on_tab: Journey) -> None:
    on_tab.press("One pair, step by step")
    on_tab.press("Example 1")
    on_tab.page.get_by_label("Text from the web", exact=True).fill(HOSTILE)
    on_tab.press("Show the steps")
    expect(on_tab.page.locator("#lesson tbody")).to_contain_text("from the web")
    expect(on_tab.page.locator(".steps li")).to_have_count(4)


def test_fits_a_phone_and_stops(
    browser: Browser, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(caption_and_score_image)
    monkeypatch.setattr("app.workbench.capfilt_tab.tab.caption_and_score_image", held)
    context = {"viewport": {"width": 390, "height": 844}}
    with visit(browser, f"{address}?tab=capfilt", **context) as journey:
        journey.press("Try it with the sample set")
        expect(journey.page.locator("#pairs [data-card]").first).to_be_visible()
        assert journey.page.evaluate("document.documentElement.scrollWidth") <= 390
        journey.page.locator("#pairs-stop").click()
        expect(journey.page.get_by_text("Stopped after 1 of")).to_be_visible()
        held.let_go()
