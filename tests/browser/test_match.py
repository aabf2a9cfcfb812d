"""A visitor's way through the match tab, in a real Chromium, with fake models."""

from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.journey import Journey
from tests.fakes import FakeGenerator, FakeMatcher, Held

pytestmark = pytest.mark.browser
HOSTILE = "<img src=x onerror=alert(1)> {{value}} ${value}"


@pytest.fixture
def on_tab(journey: Journey, generator: FakeGenerator) -> Journey:
    """On the match tab, with an image."""
    journey.page.get_by_role("tab", name="Match").click()
    journey.press("Example 1")
    expect(journey.caption).to_have_value(generator.caption_text)
    return journey


def words(journey: Journey) -> list[str]:
    return journey.page.locator("#matches td.text > span").all_inner_texts()


def test_texts_are_ranked(on_tab: Journey, generator: FakeGenerator) -> None:
    seen = generator.vision_calls
    long = "a red bird " * 20
    on_tab.page.get_by_label("Texts, one on each line").fill(
        f"a dog\na red bird\n{HOSTILE}\n{long}"
    )
    on_tab.press("Score the texts")
    expect(on_tab.page.locator("#matches tbody tr")).to_have_count(4)
    expect(on_tab.page.locator("#match-stop")).to_be_hidden()
    assert words(on_tab)[2:] == ["a dog", HOSTILE]
    expect(on_tab.page.locator("#matches tbody")).to_contain_text("only its beginning is read")
    on_tab.page.locator("#matches th").nth(2).get_by_role("button").focus()
    on_tab.page.keyboard.press("Enter")
    on_tab.page.keyboard.press("Enter")
    assert words(on_tab)[0] == HOSTILE
    assert generator.vision_calls == seen


def test_stop_keeps_the_scores_there_are(
    on_tab: Journey, matcher: FakeMatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(matcher.match)
    monkeypatch.setattr(matcher, "match", held)
    typed = "\n".join(f"text number {number}" for number in range(80))
    on_tab.page.get_by_label("Texts, one on each line").fill(typed)
    on_tab.press("Score the texts")
    expect(on_tab.page.locator("#matches tbody tr").first).to_be_visible()
    on_tab.page.keyboard.press("Escape")
    expect(on_tab.page.locator("#match-stop")).to_be_hidden()
    held.let_go()
    expect(on_tab.page.get_by_text("Stopped.")).to_be_visible()
    expect(on_tab.page.locator("#match-stop")).to_be_hidden()
    assert 0 < len(words(on_tab)) < 80


def test_nothing_typed_is_said(on_tab: Journey) -> None:
    on_tab.press("Score the texts")
    expect(on_tab.page.get_by_text("There is no text to score")).to_be_visible()


def test_another_image_has_other_scores(on_tab: Journey) -> None:
    on_tab.page.get_by_label("Texts, one on each line").fill("a dog")
    on_tab.press("Score the texts")
    expect(on_tab.page.locator("#matches tbody tr")).to_have_count(1)
    on_tab.press("Example 2")
    expect(on_tab.page.locator("#matches tbody tr")).to_have_count(0)


def test_images_are_found(on_tab: Journey, tmp_path: Path) -> None:
    files = []
    for width in (10, 30, 20):
        files.append(tmp_path / f"{width}.png")
        Image.new("RGB", (width, 10)).save(files[-1])
    on_tab.page.locator("#search-files input[type=file]").set_input_files(files)
    expect(on_tab.page.locator("#search-files")).to_contain_text("20")
    on_tab.press("Find the image")
    expect(on_tab.page.get_by_text("Type what to look for first")).to_be_visible()
    on_tab.page.get_by_label("Text to find").fill("a red bird")
    on_tab.page.get_by_label("Text to find").press("Enter")
    names = on_tab.page.locator("#found td.image .file > span")
    expect(names).to_have_text(["30.png", "20.png", "10.png"])


def test_text_is_looked_inside_with(on_tab: Journey) -> None:
    on_tab.page.get_by_label("Texts, one on each line").fill(f"a dog\n{HOSTILE}")
    on_tab.press("Score the texts")
    expect(on_tab.page.locator("#matches tbody tr")).to_have_count(2)
    on_tab.press(f"Look inside: {HOSTILE}")
    expect(on_tab.page.get_by_role("tab", name="Look inside")).to_have_attribute(
        "aria-selected", "true"
    )
    expect(on_tab.page.locator("#inside-text textarea")).to_have_value(HOSTILE)
