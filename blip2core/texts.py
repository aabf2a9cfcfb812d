"""Clean texts from outside, the same in every database and file, and counts in words. No torch."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

SEPARATORS = re.compile(r"[\x0b\x0c\x1c-\x1f]")
"""Controls that stand between words: vertical tab, form feed, separators of files, groups, records
and units.
"""
CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff]")
"""Other C0 and C1 controls but tab and line ends, DEL, and halves of surrogate pairs."""

UNSEEN = re.compile(
    r"[\s\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    r"\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3"
    r"\U0001d173-\U0001d17a\U000e0000-\U000e0fff]*"
)
"""White space and what Unicode lets a font leave out (Default_Ignorable_Code_Point): joiners, marks
of direction, soft hyphens, fillers, variation selectors; and the blank of Braille."""

UNSHOWN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that are not shown as they are: controls, marks of direction and other
invisible characters, halves of pairs, private and unassigned ones, line breaks.
"""


def clean_text(text: str) -> str:
    """Return one Unicode form (NFC), line ends as newlines, separators as spaces, no
    other controls, no white space around.

    SQLite takes a NUL and then counts only up to it, PostgreSQL refuses it, and both drivers fail
    on halves of surrogate pairs; none of these is meant as text. Marks of direction and joiners
    are: they stay, but a text of which nobody would see anything is empty.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x85", "\n")
    text = unicodedata.normalize("NFC", CONTROLS.sub("", SEPARATORS.sub(" ", text))).strip()
    return "" if UNSEEN.fullmatch(text) else text


def visible(text: str) -> str:
    r"""Return a text for one line of a log, a page or a terminal: what cannot be seen in it is
    spelled out, as \u202e. It is still text: markup in it has to be escaped.
    """
    return "".join(map(_visible, text))


def _visible(character: str) -> str:
    if unicodedata.category(character) not in UNSHOWN:
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def normalised(text: str) -> str:
    """Return a text as it is compared to find duplicates: words without case, punctuation and extra
    spaces.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.findall(r"\w+", folded)) or " ".join(folded.split())


_FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
_CONTROL_STARTS = ("\t", "\r", "\n")


def spreadsheet_safe(value: Any) -> Any:
    """Return a table cell that no spreadsheet computes as a formula.

    Text that begins with a sign of a formula (its full-width form, and white space before it,
    included), a tab or a line end gets an apostrophe in front. All else, numbers too, is returned
    as it is. See "CSV Injection" of OWASP.
    """
    if not isinstance(value, str):
        return value
    risky = value.startswith(_CONTROL_STARTS) or value.lstrip().startswith(_FORMULA_STARTS)
    return f"'{value}" if risky else value


APOSTROPHE_COLUMN = "apostrophe_before"
"""Column of a table that names, with spaces between, the cells of its row that got an apostrophe by
`spreadsheet_safe`: so it can be taken away again, and one that a text begins with stays."""


def without_apostrophes(row: Mapping[str, object]) -> dict[str, object]:
    """Return the cells of a row as they were before `spreadsheet_safe`; the column that names them
    is left out.
    """
    named = str(row.get(APOSTROPHE_COLUMN) or "").split()
    return {
        name: cell.removeprefix("'") if name in named and isinstance(cell, str) else cell
        for name, cell in row.items()
        if name != APOSTROPHE_COLUMN
    }


def count_of(number: int, noun: str) -> str:
    """Return a number with its noun in the singular or the plural: 1 pair, 1,200 pairs."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
