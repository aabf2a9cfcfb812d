"""A visitor's way through the chat page, in a real Chromium, with a fake model."""

import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from tests.browser.conftest import MAX_UPLOAD
from tests.browser.journey import Journey, visit
from tests.fakes import ENDLESS, FakeGenerator

pytestmark = pytest.mark.browser
LONG = "Tell me a story of at least a dozen words or so, please"


def test_from_upload_to_the_third_answer(
    journey: Journey, image: Path, generator: FakeGenerator
) -> None:
    generator.answers |= {"What animal is there?": "a penguin", "What is to its left?": "a drum"}
    seen = generator.vision_calls
    journey.upload(image)
    expect(journey.caption).to_have_value(generator.caption_text)
    expect(journey.ask("What animal is there?")).to_have_text("a penguin")
    expect(journey.ask("What is to its left?")).to_have_text("a drum")
    expect(journey.ask("What colour is it?")).to_have_text("What colour is it?")
    assert generator.vision_calls == seen + 1
    assert journey.read_prompt() == (
        "Question: What animal is there? Answer: a penguin\n"
        "Question: What is to its left? Answer: a drum\n"
        "Question: What colour is it? Answer:"
    )


def test_answer_comes_word_by_word_and_stops(journey: Journey) -> None:
    journey.take_example(1)
    answer = journey.ask(ENDLESS)
    expect(answer).to_have_text(re.compile("^Tell me a"))
    journey.page.keyboard.press("Escape")
    expect(answer).to_have_text(re.compile(r"^Tell me a.* … \(stopped\)$"))
    assert "end" not in answer.inner_text()
    expect(journey.stop).to_be_hidden()
    expect(journey.ask("Who?")).to_have_text("Who?")


def test_stop_button_stops(journey: Journey) -> None:
    journey.take_example(1)
    answer = journey.ask(ENDLESS)
    expect(answer).to_have_text(re.compile("^Tell me"))
    journey.stop.click()
    expect(answer).to_have_text(re.compile("stopped"))


def test_error_becomes_a_bubble_and_the_next_question_works(
    journey: Journey, generator: FakeGenerator
) -> None:
    generator.answers["Break"] = "!"
    journey.take_example(1)
    failed = journey.ask("Break")
    expect(failed).to_have_text(re.compile(r"^No answer \(reference [0-9a-f]{12}\)"))
    expect(journey.ask("Who?")).to_have_text("Who?")
    assert "Break" not in journey.read_prompt()


def test_turns_without_room_are_shown(journey: Journey) -> None:
    journey.take_example(1)
    expect(journey.ask("What is it that one can see in the middle of it?")).to_contain_text("of it")
    journey.ask("And what else is there to be seen on the other side?")
    line = journey.page.get_by_text("What stands above is no longer sent to the model")
    expect(line).to_be_visible()
    assert "in the middle" not in journey.read_prompt()


def test_wrong_files_are_explained(journey: Journey, image: Path, tmp_path: Path) -> None:
    journey.upload(image)
    expect(journey.caption).not_to_have_value("")

    text = tmp_path / "note.png"
    text.write_text("Dear diary, this is no image.\n")
    journey.upload(text)
    expect(journey.notice).to_have_text("note.png: The file is not an image but a text.")
    expect(journey.shown).to_be_visible()

    bomb = tmp_path / "bomb.png"
    Image.new("1", (20_000, 20_000)).save(bomb)
    journey.upload(bomb)
    expect(journey.notice).to_contain_text("bomb.png: The file has")
    expect(journey.caption).not_to_have_value("")

    other = tmp_path / "note.txt"
    other.write_text("Dear diary")
    journey.upload(other)
    expect(journey.toast).to_contain_text("note.txt")

    heavy = tmp_path / "heavy.png"
    heavy.write_bytes(bytes(MAX_UPLOAD * 1_100_000))
    journey.upload(heavy)
    expect(journey.toast).to_contain_text("heavy.png")
    expect(journey.caption).to_have_value("")

    journey.upload(image)
    expect(journey.caption).not_to_have_value("")
    expect(journey.ask("Who?")).to_have_text("Who?")


def test_new_image_asks_before_it_resets(journey: Journey, image: Path) -> None:
    journey.take_example(1)
    expect(journey.ask("Who?")).to_have_text("Who?")
    journey.upload(image)
    expect(journey.page.get_by_text("A new image starts a new conversation")).to_be_visible()
    journey.press("Go on with the old one")
    expect(journey.answers).to_have_count(1)
    expect(journey.caption).not_to_have_value("")

    journey.press("Example 2")
    journey.press("Start with the new image")
    expect(journey.answers).to_have_count(0)
    expect(journey.caption).not_to_have_value("")
    expect(journey.ask("Where?")).to_have_text("Where?")
    assert journey.read_prompt() == "Question: Where? Answer:"


def test_quick_hands_lose_nothing(journey: Journey, generator: FakeGenerator) -> None:
    for example in ("Example 1", "Example 2", "Example 1", "Example 2"):
        journey.press(example)
    expect(journey.caption).to_have_value(generator.caption_text)
    for _ in range(4):
        answer = journey.ask(ENDLESS)
        expect(answer).to_have_text(re.compile("^Tell"))
        journey.stop.click()
        expect(journey.stop).to_be_hidden()
    expect(journey.ask("Who?")).to_have_text("Who?")


def test_nothing_to_ask_about_is_said(journey: Journey) -> None:
    journey.question.fill("Who?")
    journey.question.press("Enter")
    expect(journey.notice).to_have_text("Choose an image first.")
    expect(journey.question).to_have_value("Who?")


def test_image_can_be_pasted_and_dropped(journey: Journey) -> None:
    give = """([kind, target]) => {
      const canvas = document.createElement("canvas");
      canvas.getContext("2d").fillRect(0, 0, 9, kind === "drop" ? 9 : 5);
      canvas.toBlob((blob) => {
        const data = new DataTransfer();
        data.items.add(new File([blob], "given.png", { type: "image/png" }));
        const how = { bubbles: true, cancelable: true };
        const event = kind === "drop"
          ? new DragEvent("drop", { ...how, dataTransfer: data })
          : new ClipboardEvent("paste", { ...how, clipboardData: data });
        document.querySelector(target).dispatchEvent(event);
      });
    }"""
    journey.page.evaluate(give, ["paste", "#question textarea"])
    expect(journey.caption).not_to_have_value("")
    pasted = journey.shown.get_attribute("src")
    journey.page.evaluate(give, ["drop", "#image .upload-container > *"])
    expect(journey.shown).not_to_have_attribute("src", pasted or "")
    expect(journey.caption).not_to_have_value("")


def test_slash_goes_to_the_question(journey: Journey) -> None:
    expect(journey.question).to_be_visible()  # the tab is drawn after the heading
    journey.page.keyboard.press("/")
    expect(journey.question).to_be_focused()
    journey.page.keyboard.type("a/b")
    expect(journey.question).to_have_value("a/b")


def test_visitors_do_not_meet(
    browser: Browser, address: str, journey: Journey, generator: FakeGenerator
) -> None:
    journey.take_example(1)
    mine = journey.ask(LONG)
    with visit(browser, address) as other:
        expect(other.answers).to_have_count(0)
        expect(other.shown).to_have_count(0)
        expect(other.caption).to_have_value("")
        other.take_example(2)
        theirs = other.ask("Who?")
        expect(theirs).to_have_text("Who?")
        assert other.read_prompt() == "Question: Who? Answer:"
        expect(other.answers).to_have_count(1)
    expect(mine).to_have_text(LONG)
    expect(journey.answers).to_have_count(1)
    assert generator.most_running == 1


def test_who_waits_is_told_how_many_are_ahead(
    browser: Browser, address: str, journey: Journey
) -> None:
    journey.take_example(1)
    with visit(browser, address) as other:
        other.take_example(2)
        expect(journey.ask(ENDLESS)).to_have_text(re.compile(r"\w"))  # it is being answered
        theirs = other.ask("Who?")
        expect(other.page.locator("#waiting")).to_contain_text("queue: 1/1")
        journey.stop.click()
        expect(theirs).to_have_text("Who?")
        expect(other.page.locator("#waiting")).not_to_contain_text("queue")


def test_a_question_being_typed_survives_a_reload(journey: Journey) -> None:
    journey.question.fill('Is "this" kept?')
    journey.page.reload()
    expect(journey.question).to_have_value('Is "this" kept?')
    journey.take_example(1)
    journey.question.press("Enter")
    expect(journey.answers.last).to_have_text('Is "this" kept?')
    journey.page.on("dialog", lambda dialog: dialog.accept())  # leave a talk
    journey.page.reload()
    expect(journey.question).to_have_value("")


def test_page_asks_nobody_else_and_fits_a_phone(browser: Browser, address: str) -> None:
    asked: list[str] = []
    context = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}
    with visit(browser, address, **context) as journey:
        journey.page.on("request", lambda request: asked.append(request.url))
        journey.page.reload()
        expect(journey.page.get_by_role("heading", level=1)).to_have_text("BLIP-2 Studio")
        expect(journey.page.locator("#model b")).to_have_text("stickers-opt")
        journey.take_example(1)
        width = journey.page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
