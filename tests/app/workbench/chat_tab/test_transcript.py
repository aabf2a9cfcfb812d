"""Every state of a question has its words."""

import re
from typing import Any

import pytest

from app.chat.conversation import AnswerRating
from app.chat.session import ChatSession
from app.workbench.chat_tab.transcript import as_typed, thumbs, transcript, turn_at


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


@pytest.mark.parametrize("unsent", range(5))
def test_a_line_stands_above_what_is_sent(unsent: int) -> None:
    """After so many answers; a question that failed is not counted."""
    session = ChatSession()
    for question, state in [
        ("1", "answered"),
        ("2", "failed"),
        ("3", "stopped"),
        ("4", "answered"),
    ]:
        session.ask(question)
        session.change(session.open_turn.number, state=state, answer=f"answer {question}")
    session.unsent = unsent
    above = [
        [other["content"] for other in transcript(session)[:place] if other["role"] == "user"]
        for place, message in enumerate(transcript(session))
        if "metadata" in message
    ]
    expected = {1: [["1"]], 2: [["1", "2", "3"]], 3: [["1", "2", "3", "4"]]}
    assert above == expected.get(unsent, [])
    assert len(thumbs(session)) == sum(one["role"] == "assistant" for one in transcript(session))


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
