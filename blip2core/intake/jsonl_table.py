"""JSON Lines, also the metadata.jsonl of an imagefolder: one object in each line."""

import json
from collections.abc import Iterator

from blip2core.errors import IntakeError
from blip2core.intake.csv_table import TableRow
from blip2core.intake.files import NamedFile
from blip2core.intake.lines import Lines, is_broken


def jsonl_rows(file: NamedFile) -> Iterator[TableRow]:
    """Yield the objects, empty lines left out; the number is the line."""
    with Lines(file.open()) as lines:
        skipped = 0
        for number, line in enumerate(lines, start=1):
            if lines.skipped > skipped:
                skipped = lines.skipped
                yield number, IntakeError("A line near here is far too long and was left out.")
            if line.strip():
                yield number + skipped, _object(line)
        if lines.skipped > skipped:
            yield 0, IntakeError("The last line is far too long and was left out.")


def _object(line: str) -> dict[str, object] | IntakeError:
    if is_broken(line):
        return IntakeError("The line is not UTF-8; save the file as UTF-8.")
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return IntakeError("The line is not a JSON object.")
    return row if isinstance(row, dict) else IntakeError("The line is not a JSON object.")
