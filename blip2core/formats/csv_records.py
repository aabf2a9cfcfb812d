"""The records of a table in text: quoted cells, and quotation marks that enclose nothing.

A quotation mark that opens a cell and is never closed must not make one cell of the rest of the
file. So a cell that goes on in the next lines is one only where it is closed, where its record then
has as many cells as the header, and where none of these lines begins a row by itself.
"""

import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from blip2core.errors import IntakeError
from blip2core.formats.lines import MAX_LINE
from blip2core.images import IMAGE_SUFFIXES

MAX_RECORD_LINES = 25_000
"""Lines of one record; a text of the most characters that are stored has fewer."""
NumberedLine = tuple[int, str | None]
"""Number of a line, counted from 1; its text, or None where it is too long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One row of a table."""

    row: int
    """Its number in a spreadsheet, where the first record is row 1 and a blank line is a row."""
    line: int
    """Number of its first line in an editor."""
    cells: list[str] | IntakeError


class Cells:
    """The cells of one record, taken from its lines one after the other."""

    def __init__(self, delimiter: str | None) -> None:
        self._delimiter, self._inside = delimiter, _inside(delimiter)
        self._parts: list[str] | None = None
        self.found: list[str] = []
        self.odd = False
        """A quotation mark inside a quoted cell is not doubled."""
        self.needed = False
        """A cell holds what needs quotation marks: a delimiter, a line break, a doubled mark."""

    def add(self, line: str) -> bool:
        """Take a line; returns whether a quoted cell goes on in the next one."""
        body = line.rstrip("\r\n")
        at = self._quoted(body, 0) if self._parts is not None else -1
        while at < len(body):  # a delimiter is at `at`, or the line begins after it
            if body.startswith('"', at + 1):
                self._parts = []
                at = self._quoted(body, at + 2)
            else:
                end = body.find(self._delimiter, at + 1) if self._delimiter else -1
                end = len(body) if end < 0 else end
                self.found.append(body[at + 1 : end])
                at = end
        if self._parts is not None:
            self._parts.append(line[len(body) :])
        return self._parts is not None

    def _quoted(self, body: str, at: int) -> int:
        """Read on in a quoted cell from `at`; returns where its delimiter is, or the end."""
        assert self._parts is not None
        match = self._inside.match(body, at)
        assert match is not None  # it matches nothing at least
        self._parts.append(match[0])
        if match.end() == len(body):
            return len(body)
        text, self._parts = "".join(self._parts), None
        self.odd |= '"' in text.replace('""', "")
        self.needed |= any(
            mark in text for mark in ('""', "\n", "\r", self._delimiter) if mark is not None
        )
        self.found.append(text.replace('""', '"'))
        return match.end() + 1


class Records:
    """Iterates over the records below the header."""

    def __init__(
        self,
        lines: Iterable[NumberedLine],
        *,
        delimiter: str | None,
        columns: int,
        row: int = 1,
        quoted: bool = True,
        trusted: bool = False,
    ) -> None:
        """Take lines below the header, which is row `row` and has so many `columns`.

        Not `quoted`: every line is a row, and a quotation mark a character. `trusted`: the table
        was written by this program, so a quoted cell may hold a line that looks like a row.
        """
        self._lines, self._back = iter(lines), deque[NumberedLine]()
        self._delimiter, self._columns = delimiter, columns
        self._quoted, self._trusted = quoted, trusted
        self._row, self._unclosed_until = row, 0
        self.odd: list[int] = []
        """Rows in which a quotation mark encloses no cell."""
        self.needed = False
        """Whether a cell holds what it needs its quotation marks for."""

    def __iter__(self) -> Iterator[Record]:
        while (numbered := self._next()) is not None:
            number, line = numbered
            self._row += 1
            if line is None:
                problem = IntakeError("The line is far too long and was left out.")
                yield Record(row=self._row, line=number, cells=problem)
            elif line.strip("\r\n"):
                yield Record(row=self._row, line=number, cells=self._cells(number, line))

    def _next(self) -> NumberedLine | None:
        return self._back.popleft() if self._back else next(self._lines, None)

    def _cells(self, number: int, line: str) -> list[str]:
        if '"' not in line or not self._quoted:
            return self._plain(line)
        cells = Cells(self._delimiter)
        whole = not cells.add(line) or self._read_on(cells, number, line)
        if whole and not (cells.odd and self._delimiter == "\t"):
            self.needed |= cells.needed
            if cells.odd:
                self.odd.append(self._row)
            return cells.found
        self.odd.append(self._row)
        return self._plain(line)

    def _read_on(self, cells: Cells, number: int, first: str) -> bool:
        """Take the lines that follow until the record ends, and return True; put them back where
        they are none of it.
        """
        if number <= self._unclosed_until:
            return False
        taken: list[NumberedLine] = []
        left, is_open = MAX_LINE - len(first), True
        while is_open and (following := self._next()) is not None:
            taken.append(following)
            line = following[1]
            left -= MAX_LINE if line is None else len(line)
            if left < 0 or len(taken) == MAX_RECORD_LINES or self._is_row(first, line or ""):
                break
            is_open = cells.add(line or "")
        else:
            odd = cells.odd and self._delimiter == "\t"
            if not is_open and len(cells.found) == self._columns and not odd:
                return True
        self._unclosed_until = taken[-1][0] - 1 if taken else number
        self._back.extendleft(reversed(taken))
        return False

    def _is_row(self, first: str, line: str) -> bool:
        """Return whether a line in a quoted cell that began in the line `first` has all the cells
        of a row, and names an image in the same column. In a TSV it may open a quoted cell, and
        where `first` names no image, as many cells are enough: tabs are rare in texts.
        """
        if self._trusted:
            return False
        cells, is_tsv = Cells(self._delimiter), self._delimiter == "\t"
        is_open = cells.add(line)
        found = self._plain(line) if is_open and is_tsv else cells.found
        if (is_open and not is_tsv) or len(found) < self._columns:
            return False
        of_first = list(map(image_kind, self._plain(first)))
        kinds = list(map(image_kind, found))
        if len(kinds) != self._columns:
            kinds = [None if kind == "number" else kind for kind in kinds]
        if is_tsv and not any(of_first):
            return True
        same = zip(kinds, of_first, strict=False)
        return any(kind is not None and kind == other for kind, other in same)

    def _plain(self, line: str) -> list[str]:
        body = line.rstrip("\r\n")
        return body.split(self._delimiter) if self._delimiter else [body]


def image_kind(cell: str) -> str | None:
    """Return how a cell names an image, if it does."""
    cell = cell.strip(' "')
    if cell.isdecimal():
        return "number"
    if cell.startswith(("http://", "https://")):
        return "address"
    return "file" if cell[cell.rfind(".") :].lower() in IMAGE_SUFFIXES else None


@lru_cache
def _inside(delimiter: str | None) -> re.Pattern[str]:
    """Return what matches the inside of a quoted cell up to the mark that closes it: one before a
    delimiter or at the end of the line.
    """
    ends = re.escape(delimiter) if delimiter else ""
    return re.compile(rf'(?:[^"]++|""|"(?!["{ends}]|\Z))*+')
