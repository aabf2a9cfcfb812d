"""What stands below an answer: "Go on" where it is not whole, "Why?" below any."""

from types import SimpleNamespace
from typing import Any

import pytest

from app.chat.archive import pack, unpack
from app.chat.generation_settings import NAMES
from app.chat.session import ChatSession
from app.workbench.chat_tab.handlers import (
    on_ask,
    on_go_on,
    on_refused,
    on_replay,
    on_stop_answer,
    respond,
)
from app.workbench.chat_tab.transcript import transcript
from app.workbench.chat_tab.why import on_why
from tests.app.chat.test_generation_settings import PAGE
from tests.app.visitor import ask, contents
from tests.fakes import FakeGenerator, fake_services

LONG = "one two three four five"
THREE = [(PAGE | {"max_new_tokens": 3})[name] for name in NAMES]


def cut_off(session: ChatSession, generator: FakeGenerator) -> None:
    """Ask a question whose answer is cut off after three words."""
    generator.answers["Count"] = LONG
    on_ask(session, "Count", *THREE)
    list(respond(fake_services(generator), session))


def talking(session: ChatSession, generator: FakeGenerator) -> None:
    for question in ("Who?", "Where?"):
        ask(session, generator, question)


def pressed(index: Any) -> Any:
    """What the browser sends of a button below a message."""
    return SimpleNamespace(_data={"index": index})


def test_an_answer_that_is_cut_off_says_so_and_goes_on(session: ChatSession) -> None:
    generator = FakeGenerator()
    talking(session, generator)
    cut_off(session, generator)
    said = contents(transcript(session))
    assert said[-1] == "one two three … (cut off by the token limit)"
    prompt = generator.prompts[-1]
    update = on_go_on(session, pressed(len(said) - 1))
    assert update.trouble == "" and session.open_turn is not None
    steps = [contents(one.chat["value"])[-1] for one in respond(fake_services(generator), session)]
    assert steps[0] == "one two three" and steps[-1] == LONG
    assert (generator.prompts[-1], generator.begun[-1]) == (prompt, "one two three")
    assert [turn.question for turn in session.turns] == ["Who?", "Where?", "Count"]
    assert not session.turns[-1].can_go_on


def test_a_stopped_answer_goes_on(session: ChatSession) -> None:
    generator = FakeGenerator(answers={"Count": LONG})
    on_ask(session, "Count")
    answers = respond(fake_services(generator), session)
    for _ in range(3):
        next(answers)
    on_stop_answer(session)
    list(answers)
    assert contents(transcript(session))[-1].endswith("… (stopped)")
    on_go_on(session, pressed(1))
    list(respond(fake_services(generator), session))
    assert contents(transcript(session))[-1] == LONG


@pytest.mark.parametrize("index", [1, 99, -1, None, "3", True, 3.0])
def test_only_the_latest_answer_that_is_not_whole_goes_on(
    session: ChatSession, index: object
) -> None:
    generator = FakeGenerator()
    talking(session, generator)
    cut_off(session, generator)
    before = session.turns
    update = on_go_on(session, pressed(index))
    assert "Only the latest answer goes on" in update.trouble
    assert session.turns is before


def test_a_whole_answer_does_not_go_on(session: ChatSession) -> None:
    talking(session, FakeGenerator())
    assert "Only the latest answer" in on_go_on(session, pressed(1)).trouble


def test_an_answer_goes_on_by_the_model_that_began_it(session: ChatSession) -> None:
    cut_off(session, FakeGenerator())
    session.model = "stickers-t5"
    update = on_go_on(session, pressed(1))
    assert "by stickers-opt: choose that model" in update.trouble
    assert session.open_turn is None


def test_what_stood_stays_where_going_on_fails(session: ChatSession) -> None:
    generator = FakeGenerator()
    cut_off(session, generator)
    generator.answers["Count"] = "!"
    on_go_on(session, pressed(1))
    list(respond(fake_services(generator), session))
    note, answer = contents(transcript(session))[-2:]
    assert "No answer" in note and "secret" not in note
    assert answer == "one two three … (stopped)"
    on_go_on(session, pressed(2))
    on_refused(session)
    assert session.turns[-1].answer == "one two three"


def test_the_next_question_has_the_words_of_the_answer_alone(session: ChatSession) -> None:
    generator = FakeGenerator()
    cut_off(session, generator)
    ask(session, generator, "Next")
    assert generator.prompts[-1].startswith("Question: Count Answer: one two three\nQuestion:")


def test_why_opens_the_look_inside_with_any_answer(session: ChatSession) -> None:
    generator = FakeGenerator(answers={"1": "red", "2": "red", "3": "blue"})
    for question in "123":
        ask(session, generator, question)
    first, again = on_why(session, pressed(3)), on_why(session, pressed(3))
    assert first.tabs.selected == "inside" and first.trouble == ""
    assert first.inspected_text != again.inspected_text, "each press is heard"
    assert session.inspected_text == "red" and session.questioned_turn is session.turns[1]
    on_why(session, pressed(1))
    assert session.questioned_turn is session.turns[0]
    session.cut(session.turns[0].number)
    assert session.questioned_turn is None


@pytest.mark.parametrize("index", [7, -1, None, "1", True])
def test_why_of_nothing_says_so(session: ChatSession, index: object) -> None:
    talking(session, FakeGenerator())
    assert "no answer here" in on_why(session, pressed(index)).trouble
    assert session.questioned is None


def test_why_of_a_failure_says_so(session: ChatSession) -> None:
    talking(session, FakeGenerator(answers={"Who?": "!"}))
    assert "no answer here" in on_why(session, pressed(1)).trouble


def test_it_goes_on_after_a_file_was_opened(session: ChatSession) -> None:
    generator = FakeGenerator()
    talking(session, generator)
    cut_off(session, generator)
    opened = ChatSession()
    opened.receive_conversation(unpack(pack(session.current_image(), session.turns)))
    assert contents(transcript(opened))[-1] == "one two three … (cut off by the token limit)"
    prompt = session.turns[-1].prompt
    assert on_go_on(opened, pressed(5)).trouble == ""
    list(respond(fake_services(generator), opened))
    assert contents(transcript(opened))[-1] == LONG
    assert generator.prompts[-1] == prompt
    assert session.turns[-1].answer == "one two three", "another visitor's stays"
    assert on_why(opened, pressed(1)).trouble == ""
    assert opened.questioned_turn is opened.turns[0]


def test_a_replay_lets_an_answer_go_on_as_far_as_it_went(session: ChatSession) -> None:
    generator = FakeGenerator()
    cut_off(session, generator)
    on_go_on(session, pressed(1))
    services = fake_services(generator)
    list(respond(services, session))
    *_, last = on_replay(services, session)
    assert "the answer is the same" in last.replay_message
    assert generator.begun[-2:] == ["", "one two three"]
