"""Every state of a question has its words."""

import re
from typing import Any

import pytest

from app.chat.conversation import AnswerRating
from app.chat.session import ChatSession
from app.workbench.chat_tab.transcript import as_typed, thumbs, transcript, turn_at
from blip2core.records import Turn


def session_with(**changes: Any) -> ChatSession:
    """A session whose one question came to this."""
    session = ChatSession()
    session.ask("Who?")
    session.change(session.open_turn.number, **changes)
    return session


@pytest.mark.parametrize(
    ("state", "answer", "words"),
    [
        ("asked", "", "…"),
        ("loading", "", "The model is loading; your question waits."),
        ("answering", "", "…"),
        ("answering", "a small", "a small"),
        ("answered", "a small dog", "a small dog"),
        ("answered", "", "(The model has no answer.)"),
        ("stopped", "a small", "a small … (stopped)"),
        ("stopped", "", "… (stopped)"),
        ("failed", "No answer: too long.", "No answer: too long."),
    ],
)
def test_state_in_words(state: str, answer: str, words: str) -> None:
    asked, answered = transcript(session_with(state=state, answer=answer))
    assert asked == {"role": "user", "content": "Who?"}
    assert answered == {"role": "assistant", "content": words}


def test_dropped_turns_stand_before_the_answer() -> None:
    turns = (Turn(question="Where?", answer="there"), Turn(question="Why?", answer="because"))
    _, left_out, _ = transcript(session_with(dropped=turns))
    assert left_out["content"] == "Where? there\nWhy? because"
    assert "the 2 earliest questions" in left_out["metadata"]["title"]


def test_nothing_said_is_nothing_shown() -> None:
    assert transcript(ChatSession()) == []


def test_messages_belong_to_their_questions() -> None:
    session = session_with(state="answered", answer="a dog", note="It took long.")
    session.ask("Where?")
    first, second = session.turns
    assert [turn_at(session, index) for index in range(5)] == [first] * 3 + [second] * 2
    assert turn_at(session, 5) is None and turn_at(session, -1) is None
    session.rate(first.number, AnswerRating(liked=True))
    assert thumbs(session) == ["Like", "Like", None]


HOSTILE = '<img src="https://example.org/x.png"> a &lt;b&gt; < c'


def test_markup_is_shown_as_it_was_typed() -> None:
    session = ChatSession()
    session.ask(HOSTILE)
    session.change(session.open_turn.number, state="answered", answer=HOSTILE)
    for message in transcript(session):
        assert not re.search(r"[<&](?!\u2060)", message["content"])
        assert as_typed(message["content"]) == HOSTILE
