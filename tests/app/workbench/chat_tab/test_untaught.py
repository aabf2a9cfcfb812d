"""Questions that an embedded model was never taught: what it can do is offered instead."""

import re
from pathlib import Path
from typing import Any

import pytest

from app.chat import answer
from app.chat.archive import pack, unpack
from app.chat.session import ChatSession
from app.workbench.chat_tab import updates
from app.workbench.chat_tab.handlers import on_ask_anyway, on_new_conversation
from app.workbench.chat_tab.suggestions import suggestions_html
from app.workbench.chat_tab.transcript import CUT_OFF
from blip2core.models.specs import find_spec
from blip2core.records import DOUBT_WARNING, Doubt
from blip2core.stickers.taught import CAN_DO
from tests.app.visitor import answered, ask, contents
from tests.fakes import FakeGenerator, fake_services

UNTAUGHT, TAUGHT = "Why is the dog happy?", "How many dogs are there?"


@pytest.fixture
def generator() -> FakeGenerator:
    return FakeGenerator(spec=find_spec("stickers-opt"))


def title_of(message: dict[str, Any]) -> str:
    """What a line between the messages says; of a message itself nothing."""
    title: str = message.get("metadata", {}).get("title", "")
    return title


def labels(session: ChatSession) -> list[str]:
    """Of the buttons below the question box."""
    return re.findall(r"<button[^>]*>([^<]*)</button>", suggestions_html(session))


def own_questions() -> list[str]:
    """What the model offers where nothing was asked."""
    (group,) = find_spec("stickers-opt").suggestions
    return list(group.words)


def test_the_model_is_not_asked_and_says_what_it_can_do(
    session: ChatSession, generator: FakeGenerator
) -> None:
    assert contents(ask(session, generator, UNTAUGHT)) == [UNTAUGHT, CAN_DO]
    assert generator.prompts == []
    assert not session.is_busy


def test_questions_about_this_very_image_are_offered(
    session: ChatSession, generator: FakeGenerator
) -> None:
    assert session.image is not None
    session.learn(session.image, caption="three cats and a red car in the city")
    assert labels(session) == own_questions()
    ask(session, generator, UNTAUGHT)
    assert labels(session) == [
        "How many cats are there?",
        "What colour is the car?",
        "Where is this?",
        "Ask it anyway",
    ]
    ask(session, generator, TAUGHT)
    assert labels(session) == own_questions()


def test_it_is_no_turn_that_later_questions_build_on(
    session: ChatSession, generator: FakeGenerator
) -> None:
    ask(session, generator, UNTAUGHT)
    ask(session, generator, TAUGHT)
    (prompt,) = generator.prompts
    assert "happy" not in prompt
    assert CAN_DO not in prompt
    assert [turn.question for turn in session.conversation.turns] == [TAUGHT]


def test_it_can_be_asked_anyway(session: ChatSession, generator: FakeGenerator) -> None:
    ask(session, generator, UNTAUGHT)
    on_ask_anyway(session)
    assert contents(answered(session, fake_services(generator))) == [UNTAUGHT, UNTAUGHT]
    assert len(generator.prompts) == 1
    told = on_ask_anyway(session)
    assert "There is no such question" in told.trouble
    assert len(session.turns) == 1


def test_a_new_conversation_offers_the_models_own_questions(
    session: ChatSession, generator: FakeGenerator
) -> None:
    ask(session, generator, UNTAUGHT)
    on_new_conversation(session)
    assert labels(session) == own_questions()


def test_an_archive_keeps_it(session: ChatSession, generator: FakeGenerator) -> None:
    ask(session, generator, UNTAUGHT)
    ask(session, generator, TAUGHT)
    assert session.image is not None
    found = unpack(pack(session.image, session.turns))
    assert [turn.is_untaught for turn in found.turns] == [True, False]


def test_nothing_is_made_of_what_is_no_image_of_its_world(
    session: ChatSession, generator: FakeGenerator
) -> None:
    assert session.image is not None
    doubt = Doubt(captions=("two cats",), itc=0.1, threshold=0.7)
    session.learn(session.image, caption="two cats", doubts={session.model: doubt})
    ask(session, generator, UNTAUGHT)
    assert "How many cats are there?" not in labels(session)


def test_other_models_are_asked_everything(session: ChatSession) -> None:
    photos = FakeGenerator(spec=find_spec("blip2-opt-2.7b"), answers={UNTAUGHT: "it plays"})
    assert contents(ask(session, photos, UNTAUGHT)) == [UNTAUGHT, "it plays"]


def test_an_image_in_doubt_is_told_above_each_answer(
    session: ChatSession, generator: FakeGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    doubt = Doubt(captions=("a",), itc=0.1, threshold=0.7)
    monkeypatch.setattr(answer, "image_doubt", lambda *_: doubt)
    ask(session, generator, TAUGHT)
    shown = ask(session, generator, TAUGHT)
    assert [title_of(message) == DOUBT_WARNING for message in shown] == [False, True, False] * 2
    known = Doubt(captions=("a",), itc=0.7, threshold=0.7)
    monkeypatch.setattr(answer, "image_doubt", lambda *_: known)
    assert DOUBT_WARNING not in map(title_of, ask(session, generator, TAUGHT)[6:])


def test_the_browser_code_knows_the_words_after_which_nothing_is_asked() -> None:
    code = (Path(updates.__file__).parent / "answers.js").read_text("utf-8")
    (untaught,) = re.findall(r"NO_ANSWER = /(.+)/;", code)
    assert re.search(untaught, CAN_DO) and not re.search(untaught, "a dog")
    (unfinished,) = re.findall(r"UNFINISHED = /(.+)/;", code)
    assert re.search(unfinished, f"a dog {CUT_OFF}") and not re.search(unfinished, "a dog")
