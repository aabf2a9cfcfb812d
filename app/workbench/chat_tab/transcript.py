"""The conversation of a session as messages of Gradio's Chatbot."""

import re
from collections.abc import Iterator
from typing import Any

from app.chat.conversation import AnswerRating, ChatTurn
from app.chat.session import ChatSession

Message = dict[str, Any]
"""role, content and perhaps metadata, as Gradio's Chatbot takes them."""


UNSENT_ABOVE = "What stands above is no longer sent to the model"
CUT_OFF = "… (cut off by the token limit)"
"""After an answer that the model did not end; answers.js offers to go on from it."""
JOINER = "\u2060"
"""Invisible; after it a letter begins no tag and no entity."""


def inert(text: str) -> str:
    """Return a text that a browser shows as it is.

    Gradio would draw the tags in it, and fetch what an image in an imported conversation names.
    """
    return re.sub("[<&]", rf"\g<0>{JOINER}", text)


def as_typed(text: str) -> str:
    """Return the text that `inert` was given."""
    return text.replace(JOINER, "")


def line(text: str) -> Message:
    """Return a line between the messages, which nothing can be done with."""
    return {"role": "assistant", "content": "", "metadata": {"title": inert(text)}}


def transcript(session: ChatSession) -> list[Message]:
    """Return the conversation as chat messages."""
    return [message | {"content": inert(message["content"])} for _, message in _lines(session)]


def turn_at(session: ChatSession, index: object) -> ChatTurn | None:
    """Return the turn of a message; None where the browser shows an older state, or sends no
    index, which is a number or a sequence that begins with one.
    """
    turns = [turn for turn, _ in _lines(session)]
    number = index[0] if isinstance(index, list | tuple) and index else index
    return turns[number] if type(number) is int and 0 <= number < len(turns) else None


def thumbs(session: ChatSession) -> list[str | None]:
    """Return Like, Dislike or None for each message of the model."""
    return [
        _thumb(turn.rating) for turn, message in _lines(session) if message["role"] == "assistant"
    ]


def _thumb(rating: AnswerRating | None) -> str | None:
    if rating is None:
        return None
    return "Like" if rating.liked else "Dislike"


def _lines(session: ChatSession) -> Iterator[tuple[ChatTurn, Message]]:
    unsent = session.unsent
    for turn in session.turns:
        yield turn, {"role": "user", "content": turn.question}
        if turn.note:
            yield turn, line(turn.note)
        yield turn, {"role": "assistant", "content": _wording(turn)}
        unsent -= turn.has_answer
        if turn.has_answer and unsent == 0:
            yield turn, line(UNSENT_ABOVE)


def _wording(turn: ChatTurn) -> str:
    if turn.state == "loading":
        return "The model is loading; your question waits."
    if turn.state == "stopped":
        return f"{turn.answer} … (stopped)".lstrip()
    if turn.state == "answered" and turn.cut_off:
        return f"{turn.answer} {CUT_OFF}"
    if turn.state == "answered":
        return turn.answer or "(The model has no answer.)"
    return turn.answer or "…"
