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
    """Print likes and dislikes of answers, newest first, as CSV that spreadsheets open safely."""
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
    """Print one record of CSV; what is not known is an empty cell."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(map(spreadsheet_safe, cells))
    print(line.getvalue(), end="", flush=True)
