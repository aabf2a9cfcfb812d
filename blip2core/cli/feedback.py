"""The command that writes visitors' ratings of answers: feedback."""

import csv
import io
from collections.abc import Iterable
from typing import Any

import typer

from blip2core.cli.options import AsJson, DatabaseUrl
from blip2core.cli.output import write_row
from blip2core.cli.studio import opened
from blip2core.texts import spreadsheet_safe

feedback_commands = typer.Typer()


@feedback_commands.command()
def feedback(database: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """Likes and dislikes of answers, newest first, as CSV that is safe to open in a spreadsheet."""
    from blip2core.storage.feedback import FEEDBACK_COLUMNS, feedback_rows

    with opened(database, owner=False) as studio:
        if not as_json:
            _write_cells(FEEDBACK_COLUMNS)
        for row in feedback_rows(studio):
            if as_json:
                write_row(row, as_json)
            else:
                _write_cells(row.values())


def _write_cells(cells: Iterable[Any]) -> None:
    """One record of CSV on standard output; what is not known is empty."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(map(spreadsheet_safe, cells))
    print(line.getvalue(), end="", flush=True)
