"""Batches of decisions on the curator's pages: a line of words for each, and its undo."""

from __future__ import annotations

from app.curator.context import DatasetContext
from app.curator.review_session import new_event
from blip2core.errors import StorageError
from blip2core.storage.batches import BatchSummary, undo_batch
from blip2core.texts import count_of


def batch_line(one: BatchSummary, what: str) -> str:
    """Return when, by whom and how many; `what` says how the texts were chosen."""
    return (
        f"{one.batch.created_at:%d %b %H:%M} {one.handle}: {what}, "
        f"{count_of(one.batch.expected, 'text')}" + (", undone" if one.undone else "")
    )


def take_back(context: DatasetContext, batch_id: int) -> str:
    """Undo a whole batch, as one act; return the message about it."""
    uid = new_event()
    try:
        undone = context.database.run_write(
            lambda session: undo_batch(
                session, batch_id=batch_id, annotator_id=context.annotator_id, uid=uid
            )
        )
    except StorageError as error:
        return str(error)
    return f"Undone: {count_of(undone.decisions, 'decision')}."
