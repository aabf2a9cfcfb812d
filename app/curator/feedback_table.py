"""What visitors of the chat think of answers, as a CSV file."""

from __future__ import annotations

import csv
import io

from blip2core.storage.database import Database
from blip2core.storage.feedback import FEEDBACK_COLUMNS, feedback_rows
from blip2core.texts import spreadsheet_safe


def feedback_csv(database: Database) -> bytes:
    """Return all likes and dislikes as CSV in UTF-8; no spreadsheet computes its cells."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(FEEDBACK_COLUMNS)
    for row in feedback_rows(database):
        writer.writerow([spreadsheet_safe(row[name]) for name in FEEDBACK_COLUMNS])
    return text.getvalue().encode("utf-8")
