"""How Alembic compares the tables in `schema`, and how it writes our column types."""

from typing import Any, Literal

from sqlalchemy import JSON, BigInteger

from blip2core.storage.columns import UtcTime

SEARCH = "caption_search"
"""How the names of the full-text index begin: SQLite and PostgreSQL each have their own kind."""
OUR_TYPES = {UtcTime: "UtcTime", BigInteger: "Id", JSON: "Json"}


def is_ours(
    _object: object, name: str | None, _kind: str, _reflected: bool, _other: object
) -> bool:
    """Return whether an object is in `schema`; the full-text index is only in the migrations."""
    return not (name or "").startswith(SEARCH)


def rendered(kind: str, item: Any, context: Any) -> str | Literal[False]:
    """Return the source text of a column type of ours; Alembic writes the others."""
    name = OUR_TYPES.get(type(item)) if kind == "type" else None
    if name is None:
        return False
    context.imports.add(f"from blip2core.storage.columns import {name}")
    return f"{name}()" if name == "UtcTime" else name
