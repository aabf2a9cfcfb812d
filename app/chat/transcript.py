"""The conversation of a session as messages of Gradio's Chatbot."""

import re
from collections.abc import Iterator
from typing import Any

from app.chat.conversation import AnswerRating, ChatTurn
from app.chat.session import ChatSession

Message = dict[str, Any]
"""role, content and perhaps metadata, as Gradio's Chatbot takes them."""


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


def transcript(session: ChatSession) -> list[Message]:
    """Return the conversation as chat messages."""
    return [message | {"content": inert(message["content"])} for _, message in _lines(session)]


def entry_at(session: ChatSession, index: int | tuple[int, int] | list[int]) -> ChatTurn | None:
    """Return the turn of a message; None where the browser shows an older state."""
    entries = [entry for entry, _ in _lines(session)]
    number = index if isinstance(index, int) else index[0]
    return entries[number] if 0 <= number < len(entries) else None


def thumbs(session: ChatSession) -> list[str | None]:
    """Return Like, Dislike or None for each message of the model."""
    return [
        _thumb(entry.verdict)
        for entry, message in _lines(session)
        if message["role"] == "assistant"
    ]


def _thumb(verdict: AnswerRating | None) -> str | None:
    if verdict is None:
        return None
    return "Like" if verdict.liked else "Dislike"


def _lines(session: ChatSession) -> Iterator[tuple[ChatTurn, Message]]:
    for entry in session.entries:
        yield entry, {"role": "user", "content": entry.question}
        if entry.dropped:
            yield entry, _left_out(entry)
        if entry.note:
            yield entry, {"role": "assistant", "content": entry.note}
        yield entry, {"role": "assistant", "content": _wording(entry)}


def _wording(entry: ChatTurn) -> str:
    if entry.state == "loading":
        return "The model is loading; your question waits."
    if entry.state == "stopped":
        return f"{entry.answer} … (stopped)".lstrip()
    if entry.state == "answered":
        return entry.answer or "(The model has no answer.)"
    return entry.answer or "…"


def _left_out(entry: ChatTurn) -> Message:
    number = len(entry.dropped)
    turns = "the earliest question" if number == 1 else f"the {number} earliest questions"
    return {
        "role": "assistant",
        "content": "\n".join(f"{turn.question} {turn.answer}" for turn in entry.dropped),
        "metadata": {"title": f"For lack of room the model no longer knows {turns}"},
    }
