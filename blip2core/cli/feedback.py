"""The command that writes what visitors think of answers: feedback."""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import typer

from blip2core.cli.options import AsJson, DatabaseUrl
from blip2core.cli.output import write_row
from blip2core.cli.studio import opened
from blip2core.texts import spreadsheet_safe

if TYPE_CHECKING:
    from blip2core.storage import Database

feedback_commands = typer.Typer()
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


@feedback_commands.command()
def feedback(database: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """Likes and dislikes of answers, newest first, as CSV that is safe to open in a spreadsheet."""
    with opened(database, owner=False) as studio:
        if not as_json:
            _write_cells(FEEDBACK_COLUMNS)
        for row in _rows(studio):
            if as_json:
                write_row(row, as_json)
            else:
                _write_cells(row.values())


def _rows(database: "Database") -> Iterator[dict[str, Any]]:
    """Yield a row of FEEDBACK_COLUMNS for each opinion, read in pages."""
    from blip2core.storage.feedback import list_feedback
    from blip2core.storage.people import list_annotators

    before: int | None = None
    while True:
        with database.read() as session:
            names = {person.id: person.handle for person in list_annotators(session)}
            page = list_feedback(session, before=before)
        for one in page:
            before = one.id
            row = {name: getattr(one, name, None) for name in FEEDBACK_COLUMNS}
            person = names.get(one.annotator_id) if one.annotator_id is not None else None
            yield row | {"created_at": one.created_at.isoformat(), "annotator": person}
        if not page:
            return


def _write_cells(cells: Iterable[Any]) -> None:
    """One record of CSV on standard output; what is not known is empty."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(map(spreadsheet_safe, cells))
    print(line.getvalue(), end="", flush=True)
