"""The journey of the first visitor with the embedded checkpoint itself: no fake anywhere."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, expect

from app.services import build_services
from app.serving.alone import serve_page
from app.settings import AppSettings
from app.workbench.image.panel import EXAMPLES, SAMPLES
from app.workbench.page import build_workbench
from blip2core.models.specs import find_spec
from tests.browser.journey import Journey, visit

MANIFEST = SAMPLES / "manifest.jsonl"
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not (find_spec("stickers-opt").checkpoint / "config.json").is_file(),
        reason="there is no embedded checkpoint",
    ),
]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    services = build_services(AppSettings())
    page = build_workbench(services)
    yield serve_page(page, services)
    page.close()


@pytest.fixture
def journey(browser: Browser, address: str) -> Iterator[Journey]:
    with visit(browser, address) as journey:
        yield journey


def samples() -> list[dict[str, Any]]:
    """The example cards, with questions in a row and their right answers."""
    lines = MANIFEST.read_text("utf-8").splitlines() if MANIFEST.is_file() else []
    rows = [json.loads(line) for line in lines]
    return [row for row in rows if Path(row["file"]).match(EXAMPLES)]


@pytest.mark.slow
def test_every_example_is_captioned_and_talked_about(journey: Journey) -> None:
    right = []
    for row in samples():
        journey.upload(SAMPLES / row["file"])
        if right:  # before the first, there is only the example, which makes room unasked
            journey.press("Start with the new image")
        expect(journey.answers).to_have_count(0)
        expect(journey.caption).to_have_value(re.compile(row["truth"]["place"]))
        for question, answer in row["dialogue"][:3]:
            right.append(whole(journey, journey.ask(question)) == answer)
    assert len(right) == 24
    assert sum(right) >= 21


def test_two_visitors_at_once_are_answered_as_each_is_alone(browser: Browser, address: str) -> None:
    rows = samples()[:2]
    questions = [[question for question, _ in row["dialogue"][:3]] for row in rows]
    with visit(browser, address) as first, visit(browser, address) as second:
        both = (first, second)
        for visitor, row in zip(both, rows, strict=True):
            visitor.upload(SAMPLES / row["file"])
            expect(visitor.caption).to_have_value(re.compile(row["truth"]["place"]))
            expect(visitor.answers).to_have_count(0)
        alone = [
            [whole(visitor, visitor.ask(question)) for question in asked]
            for visitor, asked in zip(both, questions, strict=True)
        ]
        assert alone[0] != alone[1]
        for visitor in both:
            visitor.press("New conversation")
            expect(visitor.answers).to_have_count(0)
        together: list[list[str]] = [[], []]
        for turn in zip(*questions, strict=True):
            bubbles = [visitor.ask(asked) for visitor, asked in zip(both, turn, strict=True)]
            for answers, visitor, bubble in zip(together, both, bubbles, strict=True):
                answers.append(whole(visitor, bubble))
        assert together == alone


def whole(visitor: Journey, bubble: Locator) -> str:
    """What an answer says once it is whole."""
    expect(bubble).to_have_text(re.compile(r"\w"))  # no longer the dots
    expect(visitor.stop).to_be_hidden()
    return bubble.inner_text().strip()


EIGHT = (
    ("What animal is there?", "a whale"),
    ("What is to its left?", "a key"),
    ("What colour is it?", "pink"),
    ("How big is it?", "big"),
    ("Where is it?", "on the beach"),
    ("How many whales are there?", "one"),
    ("What colour is the key?", "pink"),
    ("How big is it?", "big"),
)
"""About beach-1.png; the last "it" is the key of the question before."""
LINE = "What stands above is no longer sent to the model"


def test_a_talk_of_eight_turns_stays_right_and_says_why(journey: Journey) -> None:
    journey.take_example(1)
    expect(journey.caption).to_have_value(re.compile("beach"))
    expect(journey.answers).to_have_count(0)
    answers = journey.page.locator("[data-testid=bot]:not(:has(.thought-group))")
    for number, (question, _) in enumerate(EIGHT, 1):
        journey.question.fill(question)
        journey.question.press("Enter")
        expect(answers).to_have_count(number)
        expect(answers.last).to_have_text(re.compile(r"\w"))
        expect(journey.stop).to_be_hidden()
    said = [text.strip() for text in answers.all_inner_texts()]
    assert said == [answer for _, answer in EIGHT]
    expect(journey.page.get_by_text(LINE)).to_have_count(1)
    sent = [f"Question: {question} Answer: {answer}" for question, answer in EIGHT[4:7]]
    assert journey.read_prompt() == "\n".join([*sent, "Question: How big is it? Answer:"])

    journey.page.locator("#chat .answer-action", has_text="Why?").nth(1).click()
    explorer = journey.page.locator("#explorer")
    expect(explorer).to_contain_text("answered “What is to its left?”, sent with 1 turn before it")
    expect(explorer).to_contain_text("What the model wrote · “key”")
    expect(explorer).to_contain_text("Strongest at upper left")


def test_an_answer_that_is_cut_off_goes_on(journey: Journey) -> None:
    journey.take_example(1)
    expect(journey.answers).to_have_count(0)
    journey.unfold("Settings")
    longest = journey.page.get_by_label("number input for Max new tokens").first
    longest.fill("2")
    longest.press("Tab")
    bubble = journey.ask("What is in the picture?")
    expect(bubble).to_have_text("a pink … (cut off by the token limit)")
    journey.press("Go on")
    expect(bubble).to_have_text("a pink key and … (cut off by the token limit)")
    journey.press("Go on")
    expect(bubble).to_have_text(re.compile("a pink key and a whale"))
    expect(journey.answers).to_have_count(1)


def test_an_answer_is_followed_from_the_image_to_its_words(journey: Journey) -> None:
    journey.page.get_by_role("tab", name="How it answers").click()
    journey.press("Follow this image")
    steps = journey.page.locator("#how ol > li")
    expect(steps).to_have_count(7)
    expect(steps.first).to_contain_text("8 × 8 = 64 of 14 pixels")
    expect(steps.locator("ul.maps img")).to_have_count(8)
    said = journey.answers.last.inner_text().strip()
    expect(journey.page.locator("#how p").first).to_contain_text(f"“{said}”")
    steps.nth(3).get_by_role("button").click()
    tab = journey.page.get_by_role("tab", name="Look inside")
    expect(tab).to_have_attribute("aria-selected", "true")
