"""What visitors of the chat think of answers, as rows and as a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from blip2core.storage.database import Database
from blip2core.storage.feedback import list_feedback
from blip2core.storage.people import list_annotators
from blip2core.texts import spreadsheet_safe

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
"""Likes and dislikes that are read at once."""


def feedback_rows(database: Database, *, page: int = _PAGE) -> Iterator[dict[str, object]]:
    """Yield a row of FEEDBACK_COLUMNS for each like and dislike, newest first."""
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


def feedback_csv(database: Database) -> bytes:
    """Return all likes and dislikes as CSV in UTF-8; no spreadsheet computes its cells."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(FEEDBACK_COLUMNS)
    for row in feedback_rows(database):
        writer.writerow([spreadsheet_safe(row[name]) for name in FEEDBACK_COLUMNS])
    return text.getvalue().encode("utf-8")
