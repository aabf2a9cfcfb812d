"""What can be done with a message: try again, take back, edit, copy, rate."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.journey import Journey, visit
from tests.fakes import FakeGenerator

pytestmark = pytest.mark.browser


@pytest.fixture
def talking(browser: Browser, address: str, generator: FakeGenerator) -> Iterator[Journey]:
    """A visitor who has asked two questions, and may use the clipboard."""
    generator.answers |= {"Who?": "a dog", "Where?": "on the beach"}
    permissions = ["clipboard-read", "clipboard-write"]
    with visit(browser, address, permissions=permissions) as journey:
        journey.take_example(1)
        expect(journey.ask("Who?")).to_have_text("a dog")
        expect(journey.ask("Where?")).to_have_text("on the beach")
        expect(journey.stop).to_be_hidden()
        yield journey


def test_retry_answers_the_latest_question_anew(talking: Journey, generator: FakeGenerator) -> None:
    generator.answers["Where?"] = "in the sea"
    talking.press("Retry")
    expect(talking.answers.last).to_have_text("in the sea")
    expect(talking.answers).to_have_count(2)
    assert talking.read_prompt() == "Question: Who? Answer: a dog\nQuestion: Where? Answer:"


def test_retry_after_an_error(talking: Journey, generator: FakeGenerator) -> None:
    generator.answers["Break"] = "!"
    expect(talking.ask("Break")).to_contain_text("reference")
    generator.answers["Break"] = "whole again"
    talking.press("Retry")
    expect(talking.answers.last).to_have_text("whole again")
    expect(talking.answers).to_have_count(3)


def test_undo_gives_the_question_back(talking: Journey) -> None:
    talking.press("Undo")
    expect(talking.answers).to_have_count(1)
    expect(talking.question).to_have_value("Where?")
    talking.question.press("Enter")
    expect(talking.answers).to_have_count(2)


def test_edited_question_is_asked_and_later_turns_go(talking: Journey) -> None:
    talking.page.get_by_role("button", name="Edit").first.click()
    box = talking.page.locator("#chat textarea")
    expect(box).to_have_value("Who?")
    box.fill("What colour is it?")
    talking.page.get_by_role("button", name="Submit").click()
    expect(talking.answers).to_have_count(1)
    expect(talking.answers.last).to_have_text("What colour is it?")
    assert talking.read_prompt() == "Question: What colour is it? Answer:"


def test_answer_is_copied(talking: Journey) -> None:
    talking.page.get_by_role("button", name=re.compile("Copy message")).nth(1).click()
    assert talking.page.evaluate("navigator.clipboard.readText()") == "a dog"


def test_copies_have_no_invisible_signs(talking: Journey, generator: FakeGenerator) -> None:
    """The page itself needs word joiners where a text has signs that begin markup."""
    generator.answers["What?"] = "a <b> & a dog"
    answer = talking.ask("What?")
    expect(answer).to_contain_text("a dog")
    expect(talking.stop).to_be_hidden()
    pasted = "navigator.clipboard.readText()"
    talking.page.get_by_role("button", name=re.compile("Copy message")).last.click()
    talking.page.wait_for_function(f"async () => (await {pasted}).includes('dog')")
    assert talking.page.evaluate(pasted) == "a <b> & a dog"
    talking.page.evaluate("navigator.clipboard.writeText('')")
    answer.evaluate("(bubble) => getSelection().selectAllChildren(bubble)")
    talking.page.keyboard.press("Control+c")
    talking.page.wait_for_function(f"async () => (await {pasted}).includes('dog')")
    assert talking.page.evaluate(pasted).strip() == "a <b> & a dog"


def test_dislike_asks_why_and_stays(talking: Journey) -> None:
    talking.page.get_by_role("button", name="Dislike").first.click()
    why = talking.page.get_by_label("What is wrong?")
    expect(why).to_be_visible()
    why.fill("It is a cat.")
    why.press("Enter")
    expect(why).to_be_hidden()
    expect(talking.page.get_by_role("button", name="Disliked")).to_have_count(1)
    talking.ask("Why?")
    expect(talking.page.get_by_role("button", name="Disliked")).to_have_count(1)
    talking.press("New conversation")
    expect(talking.ask("Who?")).to_have_text("a dog")
    expect(talking.page.get_by_role("button", name="Disliked")).to_have_count(0)


def test_suggested_question_is_one_click(talking: Journey) -> None:
    talking.press("How many are there?")
    expect(talking.answers.last).to_have_text("How many are there?")
    expect(talking.answers).to_have_count(3)


def test_suggestions_follow_the_model(talking: Journey) -> None:
    expect(talking.page.get_by_role("button", name="What animal is there?")).to_be_visible()
    talking.page.locator("#chooser select").select_option("stickers-t5")
    expect(talking.page.locator("#model b")).to_have_text("stickers-t5")
    expect(talking.page.get_by_role("button", name="What animal is there?")).to_be_visible()


def test_empty_question_is_told_below_the_box(talking: Journey) -> None:
    talking.question.fill("   ")
    talking.question.press("Enter")
    expect(talking.page.locator("#trouble")).to_have_text("Type a question first.")
    expect(talking.question).to_have_value("   ")
    talking.ask("Why?")
    expect(talking.page.locator("#trouble")).to_be_hidden()
