"""Ratings of answers by visitors of the chat page."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from blip2core.storage.database import Database
from blip2core.storage.people import list_annotators
from blip2core.storage.schema import Feedback
from blip2core.texts import clean_text

FEEDBACK_COLUMNS = (
    "id",
    "created_at",
    "liked",
    "reason",
    "question",
    "answer",
    "prompt",
    "model",
    "revision",
    "image_sha256",
    "annotator",
)
_PAGE = 500
"""Ratings that are read at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRating:
    """A rating of one answer, up or down."""

    client_event_id: str
    """Of the answer: a second rating of it replaces the first."""
    liked: bool
    question: str
    answer: str
    prompt: str
    """What the model read, to the letter."""
    model: str
    revision: str | None = None
    image_sha256: str | None = None
    reason: str = ""
    annotator_id: int | None = None


def add_feedback(session: Session, rating: NewRating) -> Feedback:
    """Store a rating; of two on the same answer the newer one stays."""
    query = select(Feedback).where(Feedback.client_event_id == rating.client_event_id)
    row = session.scalar(query) or Feedback(client_event_id=rating.client_event_id)
    row.liked, row.reason = rating.liked, clean_text(rating.reason)
    row.question, row.answer = clean_text(rating.question), clean_text(rating.answer)
    row.prompt, row.model = clean_text(rating.prompt), rating.model
    row.revision, row.image_sha256 = rating.revision, rating.image_sha256
    row.annotator_id = rating.annotator_id
    session.add(row)
    session.flush()
    return row


def drop_feedback(session: Session, *, client_event_id: str) -> None:
    """Delete a rating that the visitor took back; where there is none, nothing happens."""
    session.execute(delete(Feedback).where(Feedback.client_event_id == client_event_id))


def list_feedback(
    session: Session, *, before: int | None = None, limit: int = 50
) -> list[Feedback]:
    """Return a page of ratings, newest first; the next is `before` the last number of it."""
    query = select(Feedback).order_by(Feedback.id.desc()).limit(limit)
    if before is not None:
        query = query.where(Feedback.id < before)
    return list(session.scalars(query))


def feedback_rows(database: Database, *, page: int = _PAGE) -> Iterator[dict[str, object]]:
    """Yield a row of FEEDBACK_COLUMNS for each rating, newest first."""
    before: int | None = None
    while True:
        with database.read() as session:
            handles = {person.id: person.handle for person in list_annotators(session)}
            found = list_feedback(session, before=before, limit=page)
        for one in found:
            before = one.id
            row = {name: getattr(one, name, None) for name in FEEDBACK_COLUMNS}
            handle = handles.get(one.annotator_id) if one.annotator_id is not None else None
            yield row | {"created_at": one.created_at.isoformat(), "annotator": handle}
        if len(found) < page:
            return
