"""Likes and dislikes of the chat, kept in the curator's database."""

from __future__ import annotations

from app.chat.feedback import Feedback, KeepFeedback
from blip2core.storage.database import Database
from blip2core.storage.feedback import Opinion, add_feedback, drop_feedback


def keep_in(database: Database) -> KeepFeedback:
    """What the chat calls with each verdict; it is on disk when the call returns."""

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
