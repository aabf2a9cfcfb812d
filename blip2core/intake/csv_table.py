"""CSV and TSV: rows as they stand, formulas too; a row that cannot be read is reported."""

import csv
from collections.abc import Iterator

from blip2core.errors import IntakeError
from blip2core.intake.files import NamedFile
from blip2core.intake.lines import Lines, is_broken
from blip2core.texts import count_of

MOST_COLUMNS = 1_000
TableRow = tuple[int, dict[str, object] | IntakeError]
"""Number of the row, the header being row 1; its cells by column, or what is wrong with it."""


def csv_header(file: NamedFile) -> list[str]:
    """Return the names of the columns, a repeated one numbered. Raises IntakeError where there are
    none.
    """
    with Lines(file.open()) as lines:
        return _header(lines)[0]


def csv_rows(file: NamedFile) -> Iterator[TableRow]:
    """Yield the rows below the header."""
    with Lines(file.open()) as lines:
        header, delimiter = _header(lines)
        reader = csv.reader(iter(lines), delimiter=delimiter)
        number, skipped = 1, 0
        while (cells := _next(reader)) is not None:
            number += 1
            if lines.skipped > skipped:
                skipped = lines.skipped
                yield number, IntakeError("A line near here is far too long and was left out.")
            if cells != []:
                yield number, _row(header, cells)
        if lines.skipped > skipped:
            yield number, IntakeError("The last line is far too long and was left out.")


def _header(lines: Lines) -> tuple[list[str], str]:
    """Return the cells of the first line, and the delimiter between them."""
    first = next(iter(lines), "")
    if not first.strip() or is_broken(first) or "\0" in first:
        raise IntakeError("The first line is no header of a table in UTF-8; save it as such.")
    delimiter = max(",;\t", key=first.count)
    names: list[str] = []
    cells = _next(csv.reader([first], delimiter=delimiter))
    if cells is None or isinstance(cells, IntakeError):
        raise IntakeError("The first line is no header of a table: a cell of it is far too long.")
    if len(cells) > MOST_COLUMNS:
        raise IntakeError(
            f"The table has {len(cells):,} columns; at most {MOST_COLUMNS:,} are read."
        )
    for name in map(str.strip, cells):
        count = sum(known == name or known.startswith(f"{name} ") for known in names)
        names.append(f"{name} {count + 1}" if name in names else name)
    return names, delimiter


def _next(reader: Iterator[list[str]]) -> list[str] | IntakeError | None:
    try:
        return next(reader)
    except StopIteration:
        return None
    except csv.Error as error:
        return IntakeError(f"The row cannot be read: {error}.")


def _row(header: list[str], cells: list[str] | IntakeError) -> dict[str, object] | IntakeError:
    if isinstance(cells, IntakeError):
        return cells
    if len(cells) != len(header):
        return IntakeError(f"The row has {count_of(len(cells), 'cell')}, the header {len(header)}.")
    if any(is_broken(cell) for cell in cells):
        return IntakeError("The row is not UTF-8; save the table as UTF-8.")
    return dict(zip(header, cells, strict=True))
