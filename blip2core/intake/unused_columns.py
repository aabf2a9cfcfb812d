"""Columns of a table that nothing is made of, although what stands in them looks like texts."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from blip2core.formats.nested_texts import nested_texts, spelled
from blip2core.formats.rows import DETAILS, OF_IMAGE, OF_TEXT
from blip2core.intake.cell_texts import turns_of
from blip2core.intake.columns import Columns, answers_beside
from blip2core.intake.img2dataset import STATUS_COLUMNS
from blip2core.records import Unused

LEAST_WORDS = 2
"""Words of a cell that looks like a text about an image; a name or a category has one."""
LABELS = frozenset({"truth", "label", "labels", "class", "category", "split", "source", "author"})
"""Columns that say something else in words."""
KNOWN = frozenset({*STATUS_COLUMNS, *OF_TEXT, *OF_IMAGE, DETAILS})
"""Columns of img2dataset and of our own exports, which are read in their own way."""
MOST_CELLS = 1_000
"""Cells of a column that are looked at."""
LONGEST_NAME = 200
"""Characters of a name that somebody may type."""
LEAST_SHARE = 0.5
"""Share of a column's cells that must look so."""


class UnusedColumns:
    """Looks on while the rows of a table are read."""

    def __init__(self) -> None:
        self._cells = Counter[str]()
        self._texts = Counter[str]()

    def see(self, row: Mapping[str, object], columns: Columns) -> None:
        """Look at the cells of a row that are not used."""
        used = {*columns.named(), *answers_beside(columns, row), *KNOWN}
        for name, value in row.items():
            if name in used or is_label(name) or self._cells[name] == MOST_CELLS:
                continue
            if value not in (None, "", []):
                self._cells[name] += 1
                self._texts[name] += looks_like_text(value)

    def names(self) -> Iterator[str]:
        """Yield the names of the columns that look like texts."""
        for name, texts in self._texts.items():
            if texts >= LEAST_SHARE * self._cells[name]:
                yield name

    def found(self, table: str) -> Iterator[Unused]:
        """Yield the columns that look like texts."""
        for name in self.names():
            option, advice = f"--text-column {shlex.quote(name)}", "looks like texts"
            if len(name) > LONGEST_NAME:
                option = "give it a shorter name"
            yield Unused(
                kind="column", name=f"{table}, column {name}", advice=advice, option=option
            )


def is_label(name: str) -> bool:
    """Return whether a column says something else in words, by its name."""
    return name.strip().lower() in LABELS


def is_text_column(name: str, cells: Iterable[object]) -> bool:
    """Return whether the first cells of a column look like texts."""
    filled = [cell for cell in cells if cell not in (None, "", [])]
    texts = sum(map(looks_like_text, filled))
    return bool(texts) and texts >= LEAST_SHARE * len(filled) and not is_label(name)


def looks_like_text(value: object) -> bool:
    """Return whether a cell is a text of some words, or the first text of the list, object or
    conversation in it is one.
    """
    value = spelled(value)
    if isinstance(value, list | tuple | Mapping):
        value = "" if not value else "a conversation" if turns_of(value) else _first_text(value)
    if not isinstance(value, str) or "://" in value:
        return False
    words = value[:1_000].split()
    return len(words) >= LEAST_WORDS and sum(map(str.isalpha, words)) >= len(words) / 2


def _first_text(value: object) -> str:
    return next(nested_texts(value), "")
