"""Words in captions, by the full-text index that each database brings."""

import re
from dataclasses import dataclass

from sqlalchemy import ColumnElement, text
from sqlalchemy.orm import Session

from blip2core.texts import clean_text

WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class TextMatch:
    """Conditions on captions that have all words."""

    among: ColumnElement[bool]
    """Through the index, for all captions that match."""
    this_one: ColumnElement[bool]
    """For one caption after the other."""


def index_new_texts(session: Session) -> None:
    """Brings SQLite's index up to date at the end of a unit; PostgreSQL does so itself.

    Not by a trigger: SQLite forbids those to touch a full-text index under `trusted_schema = 0`.
    """
    if session.get_bind().dialect.name == "sqlite":
        session.flush()
        session.execute(
            text(
                "INSERT INTO caption_search (rowid, text) SELECT id, text FROM captions WHERE id >"
                " (SELECT coalesce(max(id), 0) FROM caption_search_docsize)"
            )
        )


def matching_texts(session: Session, search: str) -> TextMatch | None:
    """Captions with all the words of `search`, the last one perhaps only begun; None without any.

    Nothing in `search` is read as an operator.
    """
    words = WORD.findall(clean_text(search).lower())
    if not words:
        return None
    if session.get_bind().dialect.name == "sqlite":
        quoted = " ".join([*(f'"{word}"' for word in words[:-1]), f'"{words[-1]}"*'])
        match = "SELECT rowid FROM caption_search WHERE caption_search MATCH :words"
        among = text(f"captions.id IN ({match})").bindparams(words=quoted)
        this_one = text(f"EXISTS ({match} AND rowid = captions.id)").bindparams(words=quoted)
    else:
        query = " & ".join([*(f"'{word}'" for word in words[:-1]), f"'{words[-1]}':*"])
        among = this_one = text(
            "to_tsvector('simple', captions.text) @@ to_tsquery('simple', :words)"
        ).bindparams(words=query)
    return TextMatch(among=among, this_one=this_one)  # type: ignore[arg-type]  # text() is one
