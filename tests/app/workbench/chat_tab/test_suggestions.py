"""The buttons below the question box: by kind, for each model, and what a press asks."""

import gradio as gr
import pytest

from app.chat.generation_settings import NAMES
from app.chat.session import ChatSession
from app.workbench.chat_tab.handlers import on_model_change, on_suggestion
from app.workbench.chat_tab.suggestions import suggestions_html
from blip2core.models.specs import find_spec
from tests.app.chat.test_generation_settings import PAGE
from tests.app.visitor import answered, ask
from tests.fakes import FakeGenerator, fake_services

PAPER = "What does the man feel and why?"
CARTOON = "this is a cartoon of"
VALUES = tuple((PAGE | {"style": "own", "history": "own"})[name] for name in NAMES)


@pytest.fixture
def generator() -> FakeGenerator:
    return FakeGenerator(spec=find_spec("blip2-opt-2.7b"))


@pytest.fixture
def session(session: ChatSession) -> ChatSession:
    session.model = "blip2-opt-2.7b"
    return session


def pressed(words: object) -> gr.EventData:
    return gr.EventData(None, {"words": words})


def test_official_models_offer_what_the_papers_show_by_kind() -> None:
    shown = suggestions_html(ChatSession("blip2-opt-2.7b"))
    for heading in ("Questions", "Knowledge and reasoning", "Captions that begin with", "A talk"):
        assert f'aria-label="{heading}' in shown
    assert PAPER in shown and CARTOON in shown
    assert "Instructions" in suggestions_html(ChatSession("instructblip-vicuna-7b"))
    assert "?" not in suggestions_html(ChatSession("blip-image-captioning-base"))


def test_another_model_offers_others() -> None:
    shown, _ = on_model_change(ChatSession("stickers-opt"))
    assert "What animal is there?" in shown and "role" not in shown
    shown, _ = on_model_change(ChatSession("blip2-opt-2.7b"))
    assert "animal" not in shown


def test_a_question_is_asked_with_the_turns_before_it(
    session: ChatSession, generator: FakeGenerator
) -> None:
    ask(session, generator, "Who?")
    on_suggestion(session, pressed(PAPER), *VALUES)
    answered(session, fake_services(generator))
    assert generator.prompts[-1].startswith("Question: Who?")
    assert generator.prompts[-1].endswith(f"Question: {PAPER} Answer:")


def test_the_first_words_of_a_caption_are_sent_as_they_stand_and_alone(
    session: ChatSession, generator: FakeGenerator
) -> None:
    ask(session, generator, "Who?")
    on_suggestion(session, pressed(CARTOON), *VALUES)
    answered(session, fake_services(generator))
    assert generator.prompts[-1] == CARTOON
    assert session.turns[-1].settings.style == "plain"


@pytest.mark.parametrize(
    "words", ["What animal is there?", "", None, 3, ["a"], {"a": 1}, "x" * 9000]
)
def test_what_is_not_shown_is_not_asked(
    session: ChatSession, generator: FakeGenerator, words: object
) -> None:
    ask(session, generator, "Who?")
    shown = on_suggestion(session, pressed(words), *VALUES)
    assert "no longer suggested" in shown.trouble
    assert len(session.turns) == 1


def test_nothing_is_asked_beside_an_answer(session: ChatSession) -> None:
    on_suggestion(session, pressed(PAPER), *VALUES)
    assert "Wait for the answer" in on_suggestion(session, pressed(PAPER), *VALUES).trouble
    assert len(session.turns) == 1
