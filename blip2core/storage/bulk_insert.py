"""Insert rows that may be there already."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from blip2core.storage.columns import Base

Element = TypeVar("Element")
ROWS_PER_STATEMENT = 500
"""Rows named in one statement: below the limits of both databases."""


def insert_missing(
    session: Session, table: type[Base], rows: Sequence[Mapping[str, Any]], *, unique: Sequence[str]
) -> set[tuple[Any, ...]]:
    """Add the rows whose `unique` columns are new; the others change nothing -> these columns of
    the rows that were added, which a process that adds the same at this moment is not told of.
    """
    if not rows:
        return set()
    dialect = session.get_bind().dialect.name
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    session.flush()
    statement = insert(table).on_conflict_do_nothing(index_elements=list(unique))
    added = session.execute(
        statement.returning(*(getattr(table, name) for name in unique)), [dict(row) for row in rows]
    )
    return {tuple(row) for row in added}


def chunks(elements: Iterable[Element], size: int = ROWS_PER_STATEMENT) -> Iterable[list[Element]]:
    """Yield the elements in lists of at most `size`, read as they are needed."""
    iterator = iter(elements)
    while chunk := list(islice(iterator, size)):
        yield chunk
