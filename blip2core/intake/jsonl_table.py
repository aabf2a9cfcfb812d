"""JSON Lines, also the metadata.jsonl of an imagefolder: one object in each line."""

import json
from collections.abc import Iterator

from blip2core.errors import IntakeError
from blip2core.intake.csv_table import TableRow
from blip2core.intake.files import NamedFile
from blip2core.intake.lines import Lines, is_broken


def jsonl_rows(file: NamedFile) -> Iterator[TableRow]:
    """Yield the objects, empty lines left out; the number is the line, and 0 of the whole file."""
    with Lines(file.open()) as lines:
        if lines.encoding.note:
            yield 0, IntakeError(lines.encoding.note)
        for number, line in lines.numbered():
            if line is None:
                yield number, IntakeError("The line is far too long and was left out.")
            elif is_broken(line):
                label = lines.encoding.label
                yield number, IntakeError(f"The line is not {label}; save the file as UTF-8.")
            elif line.strip():
                yield number, _object(line)


def _object(line: str) -> dict[str, object] | IntakeError:
    try:
        row = json.loads(line)
    except RecursionError:
        return IntakeError("This is no JSON that can be read: it is nested too deeply.")
    except ValueError as error:
        reason = getattr(error, "msg", "a number is too long")
        return IntakeError(f"This is not JSON ({reason}).")
    return row if isinstance(row, dict) else IntakeError("This is not a JSON object.")
