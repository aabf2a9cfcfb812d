"""A visitor's rating of an answer with all that it is about, and how it is stored."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from app.chat.conversation import ChatTurn
    from app.chat.session import ChatSession
    from blip2core.storage.database import Database

LONGEST_REASON = 1000
"""Characters of a reason."""
LONGEST_TEXT = 4000
"""Characters of a question, answer or prompt that are stored: those of an imported conversation may
be far longer than any of a model.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFeedback:
    """One rating of one answer. All texts are hostile."""

    event_id: str
    """The same for every rating of the same answer: the latest counts."""
    liked: bool | None
    """None: the visitor took the rating back."""
    reason: str
    question: str
    answer: str
    prompt: str
    model: str
    revision: str
    image_sha256: str
    """Of the bytes of the image's file, 64 hex digits."""


class StoreFeedback(Protocol):
    """Stores a rating. May raise: the page then says so, and goes on."""

    def __call__(self, feedback: AnswerFeedback) -> None: ...


def feedback_on(session: ChatSession, turn: ChatTurn) -> AnswerFeedback:
    """Return the rating of a turn with question, answer, model and image."""
    return AnswerFeedback(
        event_id=f"{session.uid}-{turn.number}",
        liked=turn.rating.liked if turn.rating else None,
        reason=turn.rating.reason if turn.rating else "",
        question=turn.question[:LONGEST_TEXT],
        answer=turn.answer[:LONGEST_TEXT],
        prompt=turn.prompt[-LONGEST_TEXT:],
        model=turn.model,
        revision=turn.revision,
        image_sha256=hashlib.sha256(session.image.data if session.image else b"").hexdigest(),
    )


def feedback_store(database: Database) -> StoreFeedback:
    """Return a function that stores a rating in a database before it returns."""
    from blip2core.storage.feedback import NewRating, add_feedback, drop_feedback

    def store(feedback: AnswerFeedback) -> None:
        liked = feedback.liked
        if liked is None:
            database.run_write(
                lambda session: drop_feedback(session, client_event_id=feedback.event_id)
            )
            return
        rating = NewRating(
            client_event_id=feedback.event_id,
            liked=liked,
            reason=feedback.reason,
            question=feedback.question,
            answer=feedback.answer,
            prompt=feedback.prompt,
            model=feedback.model,
            revision=feedback.revision,
            image_sha256=feedback.image_sha256,
        )
        database.run_write(lambda session: add_feedback(session, rating))

    return store
