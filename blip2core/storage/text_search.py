"""Words in captions, by the full-text index that each database brings."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from sqlalchemy import ColumnElement, Connection, text
from sqlalchemy.orm import Session

from blip2core.texts import clean_text

WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class TextMatch:
    """Conditions on captions that have all words."""

    first: ColumnElement[bool]
    """Through the index, for as many captions as were asked for."""
    this_one: ColumnElement[bool]
    """For one caption after the other, without the index."""


def matching_texts(session: Session, search: str, *, limit: int) -> TextMatch | None:
    """Return conditions for the captions with all words of `search`; None where it has none.

    `first` finds at most `limit` of them.

    A star at the end makes the last word a beginning: "blue bird*" finds "two blue birds", in some
    30 ms instead of 2. Nothing else is read as an operator.
    """
    words = WORD.findall(clean_text(search).lower())
    if not words:
        return None
    star = "*" if clean_text(search).endswith("*") else ""
    if session.get_bind().dialect.name == "sqlite":
        quoted = " ".join(f'"{word}"' for word in words) + star
        match = "SELECT rowid FROM caption_search WHERE caption_search MATCH :words"
        return TextMatch(
            first=_condition(f"captions.id IN ({match} LIMIT {limit:d})", quoted),
            # The index is slow at "does this one match?": thousands of times it takes seconds.
            this_one=_condition("has_words(captions.text, :words)", " ".join(words) + star),
        )
    query = " & ".join(f"'{word}'" for word in words) + (star and ":*")
    same = _condition("to_tsvector('simple', captions.text) @@ to_tsquery('simple', :words)", query)
    return TextMatch(first=same, this_one=same)


def has_words(text: str, words: str) -> bool:
    """Return what SQLite's index decides, for one text: case and accents do not matter."""
    wanted = _words(words)
    found = set(WORD.findall(_folded(text)))
    if not words.endswith("*"):
        return found.issuperset(wanted)
    *whole, begun = wanted
    return found.issuperset(whole) and any(word.startswith(begun) for word in found)


def index_new_texts(session: Session) -> None:
    """Bring SQLite's index up to date at the end of a unit; PostgreSQL does so itself.

    Not by a trigger: SQLite forbids those to touch a full-text index under `trusted_schema = 0`.
    """
    if session.get_bind().dialect.name == "sqlite":
        session.flush()
        index_texts(session.connection())


def index_texts(connection: Connection) -> None:
    """Add the texts to SQLite's index that are not in it yet; PostgreSQL does so itself."""
    if connection.dialect.name == "sqlite":
        connection.execute(
            text(
                "INSERT INTO caption_search (rowid, text) SELECT id, text FROM captions WHERE id >"
                " (SELECT coalesce(max(id), 0) FROM caption_search_docsize)"
            )
        )


@lru_cache(maxsize=64)
def _words(text: str) -> tuple[str, ...]:
    return tuple(WORD.findall(_folded(text)))


def _folded(text: str) -> str:
    if text.isascii():
        return text.lower()
    parts = unicodedata.normalize("NFKD", text.lower())
    return "".join(part for part in parts if not unicodedata.combining(part))


def _condition(sql: str, words: str) -> ColumnElement[bool]:
    return cast("ColumnElement[bool]", text(sql).bindparams(words=words))
