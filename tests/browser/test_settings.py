"""The settings of a question, the prompt it becomes, and the room it takes."""

import re
from contextlib import nullcontext, suppress

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.journey import SECONDS, Journey
from tests.browser.test_page import serious
from tests.fakes import FakeGenerator

pytestmark = pytest.mark.browser
ALWAYS = ("Max new tokens", "Min new tokens", "Repetition penalty")
SOMETIMES = ("Temperature", "Top-p", "Seed", "Beams", "Length penalty")


@pytest.fixture
def open_settings(journey: Journey) -> Journey:
    """A visitor with an image who looks at the settings."""
    journey.take_example(1)
    journey.unfold("Settings")
    return journey


def control(journey: Journey, name: str) -> Locator:
    """The box beside a slider, or the field itself."""
    if name == "Seed":
        return journey.page.get_by_role("textbox", name=name)
    return journey.page.get_by_label(f"number input for {name}")


def enter(journey: Journey, name: str, number: str) -> None:
    """Type a number beside a slider until the slider follows.

    On a busy machine Gradio was seen to lose what is typed in the instant in which it draws the
    slider; who types sees that, and types again.
    """
    box, slider = control(journey, name), journey.page.get_by_label(f"range slider for {name}")
    for attempt in range(5):
        box.fill(number)
        box.press("Tab")
        with suppress(AssertionError) if attempt < 4 else nullcontext():
            expect(slider).to_have_value(number, timeout=5 * SECONDS)
            return


@pytest.mark.parametrize(
    ("mode", "applies"),
    [
        ("Greedy", ()),
        ("Sampling", ("Temperature", "Top-p", "Seed")),
        ("Beam search", ("Beams", "Length penalty")),
    ],
)
def test_only_what_applies_can_be_changed(
    open_settings: Journey, mode: str, applies: tuple[str, ...]
) -> None:
    open_settings.page.get_by_label(mode, exact=True).check()
    for name in (*ALWAYS, *applies):
        expect(control(open_settings, name)).to_be_enabled()
    for name in set(SOMETIMES) - set(applies):
        expect(control(open_settings, name)).to_be_disabled()
    if mode == "Beam search":
        expect(open_settings.page.get_by_text("Beam search shows the leading")).to_be_visible()


def test_seed_is_drawn_shown_and_taken(open_settings: Journey) -> None:
    page = open_settings.page
    page.get_by_label("Sampling", exact=True).check()
    expect(control(open_settings, "Seed")).to_have_value("")
    open_settings.ask("Who?")
    expect(page.get_by_text(re.compile(r"The latest answer used \d+\."))).to_be_visible()
    control(open_settings, "Seed").fill("1234")
    open_settings.ask("Where?")
    expect(page.get_by_text("The latest answer used 1234.")).to_be_visible()
    control(open_settings, "Seed").fill("lucky")
    open_settings.question.fill("Why?")
    open_settings.question.press("Enter")
    expect(page.locator("#trouble")).to_contain_text("seed must be a whole number")
    expect(open_settings.question).to_have_value("Why?")


def test_settings_that_contradict_each_other_are_told(open_settings: Journey) -> None:
    enter(open_settings, "Min new tokens", "50")
    open_settings.question.fill("Why?")
    open_settings.question.press("Enter")
    expect(open_settings.page.locator("#trouble")).to_contain_text("min_new_tokens (50)")


def test_prompt_is_shown_as_it_is_typed(open_settings: Journey, generator: FakeGenerator) -> None:
    page = open_settings.page
    open_settings.unfold("What the model reads")
    typed = page.get_by_label("Prompt of the question you are typing")
    open_settings.question.press_sequentially("Who is it?")
    expect(typed).to_have_value("Question: Who is it? Answer:")
    page.get_by_label("Plain", exact=True).check()
    expect(typed).to_have_value("Who is it?")
    page.get_by_label("Your own words", exact=True).check()
    page.get_by_role("textbox", name="Your own words").fill("Look! {question} It is")
    expect(typed).to_have_value("Look! Who is it? It is")
    open_settings.question.press("Enter")
    expect(open_settings.answers).to_have_count(1)
    expect(page.get_by_label("Prompt of the latest question")).to_have_value(
        typed_text := "Look! Who is it? It is"
    )
    assert generator.prompts[-1] == typed_text


def test_meter_warns_tells_what_is_sent_and_offers_a_new_start(journey: Journey) -> None:
    journey.press("Example 1")
    context_bar = journey.page.locator("#context-bar")
    expect(context_bar).to_contain_text("of 91 tokens")
    expect(context_bar.locator(".amber")).to_have_count(0)
    journey.ask("What is it that one can see in the middle of it?")
    expect(context_bar.locator(".amber")).to_be_visible()
    journey.question.press_sequentially("And what else is there to be seen on that side?")
    expect(context_bar).to_contain_text("Sent without the turns before it.")
    journey.press("New conversation")
    expect(context_bar).not_to_contain_text("Sent without")
    expect(context_bar).not_to_contain_text("history")


@pytest.mark.parametrize("opened", ["Settings", "What the model reads", "Save and load"])
def test_no_serious_obstacle_where_it_is_unfolded(journey: Journey, opened: str) -> None:
    journey.take_example(1)
    expect(journey.ask("Who?")).to_have_text(re.compile(r"\w"))
    journey.unfold(opened)
    journey.page.wait_for_timeout(300)  # unfolding takes its time
    assert serious(journey) == []
