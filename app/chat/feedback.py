"""What a visitor thinks of an answer, and keeping it in the database."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """One verdict on one answer. All texts are hostile."""

    event_id: str
    """The same for every verdict on the same answer: the latest counts."""
    liked: bool | None
    """None: the visitor took the verdict back."""
    reason: str
    question: str
    answer: str
    prompt: str
    model: str
    revision: str
    image_sha256: str
    """Of the bytes of the image's file, 64 hex digits."""


class KeepFeedback(Protocol):
    """Keeps a verdict beyond the visit. May raise: the page says so, and goes on."""

    def __call__(self, feedback: Feedback) -> None: ...


def feedback_on(session: ChatSession, entry: ChatTurn) -> Feedback:
    """The visitor's verdict on an entry, complete enough to be understood elsewhere."""
    return Feedback(
        event_id=f"{session.uid}-{entry.number}",
        liked=entry.verdict.liked if entry.verdict else None,
        reason=entry.verdict.reason if entry.verdict else "",
        question=entry.question,
        answer=entry.answer,
        prompt=entry.prompt,
        model=entry.model,
        revision=entry.revision,
        image_sha256=hashlib.sha256(session.image.data if session.image else b"").hexdigest(),
    )


def keep_in(database: Database) -> KeepFeedback:
    """What the chat calls with each verdict; it is on disk when the call returns."""

    from blip2core.storage.feedback import Opinion, add_feedback, drop_feedback

    def keep(feedback: Feedback) -> None:
        liked = feedback.liked
        if liked is None:
            database.run_write(
                lambda session: drop_feedback(session, client_event_id=feedback.event_id)
            )
            return
        opinion = Opinion(
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
        database.run_write(lambda session: add_feedback(session, opinion))

    return keep
