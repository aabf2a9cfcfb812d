"""CSV and TSV: rows as they stand, formulas too; a row that cannot be read is reported.

Rows have the numbers that a spreadsheet shows; where line breaks in cells make those of an editor
differ, a problem names the line too. An export is safe to open in a spreadsheet.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any

from blip2core.config import ExportConfig
from blip2core.errors import IntakeError
from blip2core.file_names import suffix
from blip2core.formats.annotated import TableRow
from blip2core.formats.csv_records import Cells, NumberedLine, Record, Records, image_kind
from blip2core.formats.files import NamedFile
from blip2core.formats.flickr import flickr_cells, is_flickr_table
from blip2core.formats.format import Format, Output
from blip2core.formats.lines import Lines, is_broken
from blip2core.formats.rows import OF_IMAGE, about, text_columns
from blip2core.formats.split_files import PerSplit
from blip2core.records import ExportPair
from blip2core.texts import APOSTROPHE_COLUMN, count_of, spreadsheet_safe, without_apostrophes

MAX_COLUMNS = 1_000
MAX_HEADER_LINES = 20
MAX_HEADER_CELL = 10_000
"""Characters of the name of a column."""
SAMPLE = 50
"""Lines that decide between delimiters where the header holds several."""
DELIMITERS = ",;\t|"
DELIMITER_LINE = re.compile(r'"?sep=([,;\t|])"?')
"""A first line that tells spreadsheets the delimiter."""


def csv_header(file: NamedFile) -> list[str]:
    """Return the names of the columns, a repeated one numbered. Raises IntakeError where there are
    none.
    """
    with Lines(file.open()) as lines:
        return _Table(lines, file.name).header


def csv_rows(file: NamedFile) -> Iterator[TableRow]:
    """Yield the rows below the header."""
    for row, line, found in csv_lines(file):
        if isinstance(found, IntakeError) and line != row:
            found = IntakeError(f"{str(found).removesuffix('.')} (line {line} of the file).")
        yield row, found


def csv_rows_by_line(file: NamedFile) -> Iterator[TableRow]:
    """Yield the rows below the header with the number of their first line instead of their own."""
    return ((line, found) for _, line, found in csv_lines(file))


def csv_lines(file: NamedFile) -> Iterator[tuple[int, int, dict[str, object] | IntakeError]]:
    """Yield the rows below the header with the number of the row and of its first line."""
    unquoted = _is_unquoted(file)
    with Lines(file.open()) as lines:
        if lines.encoding.note:
            yield 0, 0, IntakeError(lines.encoding.note)
        table = _Table(lines, file.name)
        records, short = table.records(quoted=not unquoted), list[int]()
        for record in records:
            yield record.row, record.line, table.row(record, short)
    told = {
        "a quotation mark does not enclose a cell; it was read as a character": (
            unquoted or records.odd
        ),
        "cells are missing at the end; they were read as empty": short,
    }
    for what, rows in told.items():
        if rows:
            first = f"row {rows[0]}{' is the first' if rows[1:] else ''}"
            yield 0, 0, IntakeError(f"In {count_of(len(rows), 'row')} ({first}) {what}.")


class _Table:
    """A table whose header has been read."""

    def __init__(self, lines: Lines, name: str) -> None:
        """Read the header. Raises IntakeError where there is none."""
        self._encoding = lines.encoding
        self._lines: Iterator[NumberedLine] = lines.numbered()
        self._row, first = 1, self._line()
        if told := DELIMITER_LINE.fullmatch(first.strip("\r\n")):
            self._row, first = 2, self._line()
        if not first.strip() or is_broken(first) or "\0" in first:
            raise IntakeError("The first line is no header of a table in UTF-8; save it as such.")
        self._delimiter = told[1] if told else self._find_delimiter(first, suffix(name))
        self.header = _column_names(self._header_cells(first))

    def records(self, *, quoted: bool) -> Records:
        """Return the records below the header; for one iteration."""
        return Records(
            self._lines,
            delimiter=self._delimiter,
            columns=len(self.header),
            row=self._row,
            quoted=quoted,
            trusted=APOSTROPHE_COLUMN in self.header,
        )

    @property
    def may_be_unquoted(self) -> bool:
        """Return whether its quotation marks may mean nothing: so it is by the standard of TSV."""
        return self._delimiter == "\t"

    def row(self, record: Record, short: list[int]) -> dict[str, object] | IntakeError:
        """Return the cells of a record by column, or what is wrong with it; the number of a row
        whose last cells are missing is added to `short`.
        """
        cells, columns = record.cells, len(self.header)
        if isinstance(cells, IntakeError):
            return cells
        if any(is_broken(cell) for cell in cells):
            label = self._encoding.label
            return IntakeError(f"The row is not {label}; save the table as UTF-8.")
        if self._delimiter and is_flickr_table(self.header):
            cells = flickr_cells(cells, columns, self._delimiter)
        if len(cells) > columns and any(cell.strip() for cell in cells[columns:]):
            return IntakeError(f"The row has {count_of(len(cells), 'cell')}, the header {columns}.")
        if len(cells) == 1 < columns:  # a piece of a row, rather than one
            return IntakeError(f"The row has 1 cell, the header {columns}.")
        if len(cells) < columns:
            short.append(record.row)
            cells = cells + [""] * (columns - len(cells))
        found: dict[str, object] = dict(zip(self.header, cells, strict=False))
        return without_apostrophes(found) if APOSTROPHE_COLUMN in found else found

    def _line(self) -> str:
        _, line = next(self._lines, (0, ""))
        if line is None:
            raise IntakeError("The first line is no header of a table: it is far too long.")
        return line

    def _find_delimiter(self, first: str, ending: str) -> str | None:
        """Return the delimiter that makes several cells of the header; of several, the one that
        gives most rows as many, and a cell that names an image. None where the table has one
        column.
        """
        counts = {mark: _count(first, mark) for mark in DELIMITERS if mark in first}
        counts = {mark: count for mark, count in counts.items() if count > 1}
        if len(counts) < 2:
            return next(iter(counts), None)
        sample = list(islice(self._lines, SAMPLE))
        self._lines = chain(sample, self._lines)
        lines = [line for _, line in sample if line and line.strip()]

        def fits(mark: str) -> tuple[int, int, bool, int]:
            alike = [line for line in lines if _count(line, mark) == counts[mark]]
            naming = sum(any(map(image_kind, line.strip().split(mark))) for line in alike)
            return naming, len(alike), mark == "\t" and ending == ".tsv", counts[mark]

        return max(counts, key=fits)

    def _header_cells(self, first: str) -> list[str]:
        """Return the cells of the header, which may have line breaks in them."""
        cells, taken = Cells(self._delimiter), list[NumberedLine]()
        is_open = cells.add(first)
        while is_open and len(taken) < MAX_HEADER_LINES:
            numbered = next(self._lines, None)
            if numbered is None:
                break
            taken.append(numbered)
            if numbered[1] is None:
                break
            is_open = cells.add(numbered[1])
        if not is_open:
            return cells.found
        self._lines = chain(taken, self._lines)
        return first.rstrip("\r\n").split(self._delimiter) if self._delimiter else [first.strip()]


def _is_unquoted(file: NamedFile) -> list[int]:
    """Return the rows of a TSV in which a quotation mark encloses nothing, where no cell needs its
    quotation marks either: then all of them are characters. Else no rows.
    """
    with Lines(file.open()) as lines:
        table = _Table(lines, file.name)
        if not table.may_be_unquoted:
            return []
        records = table.records(quoted=True)
        for _ in records:
            if records.needed:
                return []
        return records.odd


def _count(line: str, delimiter: str) -> int:
    cells = Cells(delimiter)
    return line.count(delimiter) + 1 if cells.add(line) else len(cells.found)


def _column_names(cells: list[str]) -> list[str]:
    """Return the names of the columns, a repeated one numbered."""
    if len(cells) > MAX_COLUMNS:
        raise IntakeError(
            f"The table has {len(cells):,} columns; at most {MAX_COLUMNS:,} are read."
        )
    if any(len(cell) > MAX_HEADER_CELL for cell in cells):
        raise IntakeError("The first line is no header of a table: a cell of it is far too long.")
    names: list[str] = []
    for name in map(str.strip, cells):
        count = sum(known == name or known.startswith(f"{name} ") for known in names)
        names.append(f"{name} {count + 1}" if name in names else name)
    return names


def write_csv(pairs: Iterable[ExportPair], output: Output, config: ExportConfig) -> None:
    """Write a CSV file per split; each row of `train.csv` names its image as
    `images/ab/ab12….jpg`.
    """
    columns = ("image", "text", *text_columns(config), *OF_IMAGE, APOSTROPHE_COLUMN)
    changed = 0
    with PerSplit(lambda split: output.open(f"{split}.csv")) as files:
        for pair in pairs:
            if pair.split not in files:
                files[pair.split].write(csv_line(columns))
            name = f"images/{output.add_image(pair, 'images')}"
            cells = {"image": name, "text": pair.text, **about(pair, config)}
            safe = {column: spreadsheet_safe(cell) for column, cell in cells.items()}
            guarded = [column for column in cells if safe[column] is not cells[column]]
            changed += len(guarded)
            files[pair.split].write(csv_line([*safe.values(), " ".join(guarded)]))
    if changed:
        output.notes.append(
            f"An apostrophe that is not in the data was put before {count_of(changed, 'cell')}: "
            "without it a spreadsheet would compute a formula. The column `apostrophe_before` "
            "names these cells of each row: take their first character away."
        )


def csv_line(cells: Iterable[Any]) -> bytes:
    """Return one CSV record (RFC 4180); None becomes an empty cell."""
    line = io.StringIO(newline="")
    csv.writer(line).writerow(cells)
    return line.getvalue().encode()


CSV = Format(
    write=write_csv,
    label="CSV",
    what="A table per split in UTF-8; images lie in `images`.",
    example='pandas.read_csv("FOLDER/train.csv", dtype={"text": str}, keep_default_na=False, '
    'na_values=[""])',
    data_files="{split}.csv",
    loader={"keep_default_na": False, "na_values": [""]},  # "null" and "NaN" are texts
)
