"""A visitor's way through the caption tab, in a real Chromium, with fake models."""

import csv
import io
import json
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.browser.conftest import draw
from tests.browser.journey import Journey, visit
from tests.browser.test_page import serious
from tests.fakes import ENDLESS, FakeGenerator, FakeMatcher, Held

pytestmark = pytest.mark.browser
HOSTILE = "<img src=x onerror=alert(1)> {{value}} ${value} on the beach"


@pytest.fixture
def on_tab(journey: Journey, generator: FakeGenerator) -> Journey:
    """On the caption tab, with an image."""
    journey.page.get_by_role("tab", name="Caption").click()
    journey.press("Example 1")
    expect(journey.caption).to_have_value(generator.caption_text)
    return journey


def rows(journey: Journey, table: str = "#captions") -> Locator:
    return journey.page.locator(f"{table} tbody tr")


def words(journey: Journey, table: str = "#captions") -> list[str]:
    return journey.page.locator(f"{table} td.text > span").all_inner_texts()


def test_captions_are_written_sorted_copied_and_saved(
    on_tab: Journey, generator: FakeGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generator, "captions", ("a bird at sea", "a bird", HOSTILE))
    seen, asked = generator.vision_calls, len(generator.prompts)
    on_tab.press("Write captions")
    link = on_tab.page.get_by_role("link", name="Download JSON").first
    expect(link).to_be_visible()
    assert words(on_tab)[0] == "a bird"
    assert serious(on_tab) == []
    on_tab.press("Caption ↕")
    assert words(on_tab) == sorted(["a bird", "a bird at sea", HOSTILE])
    heads = on_tab.page.locator("#captions th")
    expect(heads.first).to_have_attribute("aria-sort", "ascending")
    on_tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    rows(on_tab).first.get_by_role("button", name="Copy").click()
    expect(rows(on_tab).first.get_by_text("Copied")).to_be_visible()
    assert on_tab.page.evaluate("navigator.clipboard.readText()") == words(on_tab)[0]
    with on_tab.page.expect_download() as saved:
        link.click()
    about = json.loads(Path(saved.value.path()).read_text("utf-8"))
    assert {one["caption"] for one in about["pictures"][0]["captions"]} == set(words(on_tab))
    assert about["parameters"]["decode"]["seed"] is not None
    assert generator.vision_calls == seen, "the caption beside the image had encoded it"
    assert len(generator.prompts) == asked + 1


def test_stop_keeps_what_there_is_and_the_next_captions_come(
    on_tab: Journey, generator: FakeGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generator, "captions", (ENDLESS,))
    on_tab.press("Write captions")
    expect(rows(on_tab)).to_have_count(5)
    on_tab.page.keyboard.press("Escape")
    expect(on_tab.page.get_by_text("Stopped: what")).to_be_visible()
    expect(on_tab.stop).to_be_hidden()
    monkeypatch.undo()
    on_tab.press("Write captions")
    expect(on_tab.page.get_by_role("link", name="Download CSV").first).to_be_visible()


def test_failure_is_said_and_the_next_captions_come(
    on_tab: Journey, generator: FakeGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generator, "captions", ("!",))
    on_tab.press("Write captions")
    expect(on_tab.page.get_by_text("No captions (reference")).to_be_visible()
    monkeypatch.setattr(generator, "captions", ("a dog",))
    on_tab.press("Write captions")
    expect(rows(on_tab)).to_have_count(1)
    expect(rows(on_tab)).to_contain_text("×5")


def test_without_an_image_the_button_waits(on_tab: Journey) -> None:
    begin = on_tab.page.get_by_role("button", name="Write captions")
    expect(begin).to_be_enabled()
    on_tab.press("Remove Image")
    expect(on_tab.page.get_by_text("There is no image yet").first).to_be_visible()
    expect(begin).to_be_disabled()
    on_tab.press("Example 2")
    expect(begin).to_be_enabled()


def test_several_images_with_a_bad_one(
    on_tab: Journey, tmp_path: Path, generator: FakeGenerator
) -> None:
    note = tmp_path / "note.png"
    note.write_text("Dear diary")
    images = [draw(tmp_path / f"{name}.png", name) for name in ("one", "two")]
    seen = generator.vision_calls
    on_tab.page.locator("#caption-files input[type=file]").set_input_files(
        [images[0], note, images[1]]
    )
    expect(on_tab.page.locator("#caption-files")).to_contain_text("two")
    on_tab.press("Caption all")
    link = on_tab.page.locator("#captioned").get_by_role("link", name="Download CSV")
    expect(link).to_be_visible()
    expect(rows(on_tab, "#captioned")).to_have_count(3)
    expect(rows(on_tab, "#captioned").nth(1)).to_contain_text("not an image but a text")
    with on_tab.page.expect_download() as saved:
        link.click()
    text = Path(saved.value.path()).read_text("utf-8-sig")
    assert {row["picture"] for row in csv.DictReader(io.StringIO(text))} == {
        "one.png",
        "note.png",
        "two.png",
    }
    assert generator.vision_calls == seen + 2


def test_batch_stops(
    on_tab: Journey, tmp_path: Path, matcher: FakeMatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(matcher.match)
    monkeypatch.setattr(matcher, "match", held)
    images = [draw(tmp_path / f"{name}.png", name) for name in "abcdef"]
    on_tab.page.locator("#caption-files input[type=file]").set_input_files(images)
    expect(on_tab.page.get_by_role("button", name="Remove this file")).to_have_count(6)
    on_tab.press("Caption all")
    expect(rows(on_tab, "#captioned").first).to_contain_text("1.00")
    on_tab.page.locator("#caption-many-stop").click()
    expect(on_tab.page.get_by_text("Stopped after 1 of")).to_be_visible()
    held.let_go()
    expect(on_tab.page.locator("#caption-many-stop")).to_be_hidden()
    expect(rows(on_tab, "#captioned").last).to_contain_text("stopped")


def test_fits_a_phone(browser: Browser, address: str) -> None:
    context = {"viewport": {"width": 390, "height": 844}}
    with visit(browser, f"{address}?tab=caption", **context) as journey:
        journey.take_example(1)
        journey.press("Write captions")
        expect(journey.page.get_by_role("link", name="Download CSV").first).to_be_visible()
        assert journey.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_all_files_that_were_chosen_are_listed(on_tab: Journey, tmp_path: Path) -> None:
    images = [draw(tmp_path / f"{number:02}.png", str(number)) for number in range(12)]
    on_tab.page.locator("#caption-files input[type=file]").set_input_files(images)
    listed = on_tab.page.locator("#caption-files .file-preview-holder")
    expect(listed.locator("tr.file")).to_have_count(12)
    hidden = listed.evaluate("(list) => list.scrollHeight - list.clientHeight")
    assert hidden <= 0
