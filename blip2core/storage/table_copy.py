"""Copy every table from one database to another, SQLite or PostgreSQL, and prove it by hashes."""

import hashlib
import json
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Engine, Row, String, Table, func, select, text
from tqdm import tqdm

from blip2core.errors import StorageError
from blip2core.storage.bulk_insert import chunks
from blip2core.storage.columns import Base
from blip2core.storage.database_errors import storage_errors
from blip2core.storage.engine import WRITE
from blip2core.storage.schema import ImageStoreRecord
from blip2core.storage.text_search import index_texts

ROWS_AT_ONCE = 1_000
"""Rows held in memory while a table is read."""
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""What a text of SQLite or of JSON may hold and one of PostgreSQL may not."""

_OF_THE_PLACE = ImageStoreRecord.__tablename__
TABLES = [table for table in Base.metadata.sorted_tables if table.name != _OF_THE_PLACE]
"""What is copied: all but where the images of a database lie, which is another place afterwards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSum:
    """What a table holds, so that two of them can be compared whatever database they are in."""

    rows: int
    sha256: str
    """Of all values of all rows in the order of the primary key."""


def copy_tables(source: Engine, target: Engine) -> dict[str, TableSum]:
    """Copy all rows into the empty tables of `target` -> what both hold now, by table.

    The source is read in one state, while others may write, and is not changed. The target has all
    of it, or nothing: what was written is read back and compared before it is committed. Numbers
    of rows stay, and new rows get the numbers that they would have got in the source. Raises
    StorageError where the target has rows. Call `refuse_unstorable` first.
    """
    with _one_state(source) as reader:
        with storage_errors(target.url), target.connect() as connection:
            refuse_rows(connection)
        sums = table_sums(reader, "read")
        writing = target.execution_options(**{WRITE: True})
        with storage_errors(target.url), writing.begin() as writer:
            _lock(writer)
            refuse_rows(writer)
            for table in TABLES:
                _copy(table, reader, writer, sums[table.name].rows)
            _set_numbers(writer, _last_numbers(reader))
            index_texts(writer)
            _compare(sums, table_sums(writer, "compare"))
    return sums


def table_sums(connection: Connection, what: str = "read") -> dict[str, TableSum]:
    """Return count and hash of every table."""
    return {table.name: _sum(table, connection, what) for table in TABLES}


def refuse_unstorable(source: Engine, target: Engine) -> None:
    """Raise StorageError, which names the row, where a value of the source does not fit into the
    target: PostgreSQL refuses what SQLite takes. Nothing is written.
    """
    if target.dialect.name != "postgresql" or source.dialect.name == "postgresql":
        return
    with _one_state(source) as connection:
        for table in TABLES:
            for row in _rows(table, connection, f"check {table.name}", _count(table, connection)):
                _refuse_row(table, row)


def refuse_rows(connection: Connection) -> None:
    """Raise StorageError where a table has a row."""
    for table in TABLES:
        if connection.execute(select(table).limit(1)).first() is not None:
            raise StorageError(
                f"There are rows in the table {table.name} of that database already, and nothing is"
                " overwritten: name an empty one."
            )


@contextmanager
def _one_state(engine: Engine) -> Iterator[Connection]:
    """Yield a connection that sees one state of the database however long it takes."""
    options = {"isolation_level": "REPEATABLE READ"} if engine.dialect.name == "postgresql" else {}
    with (
        storage_errors(engine.url),
        engine.execution_options(**options).connect() as connection,
    ):
        yield connection


def _lock(connection: Connection) -> None:
    """Keep other writers away until the commit; SQLite's transaction did so when it began."""
    if connection.dialect.name == "postgresql":
        names = ", ".join(table.name for table in TABLES)
        connection.execute(text(f"LOCK TABLE {names} IN EXCLUSIVE MODE"))


def _copy(table: Table, source: Connection, target: Connection, total: int) -> None:
    for chunk in chunks(_rows(table, source, f"copy {table.name}", total)):
        target.execute(table.insert(), [dict(row._mapping) for row in chunk])


def _sum(table: Table, connection: Connection, what: str) -> TableSum:
    digest, count = hashlib.sha256(), 0
    for row in _rows(table, connection, f"{what} {table.name}", _count(table, connection)):
        digest.update(json.dumps([_canonical(value) for value in row]).encode() + b"\n")
        count += 1
    return TableSum(rows=count, sha256=digest.hexdigest())


def _count(table: Table, connection: Connection) -> int:
    return connection.scalar(select(func.count()).select_from(table)) or 0


def _rows(table: Table, connection: Connection, what: str, total: int) -> Iterator[Row[Any]]:
    """Yield all rows by their key, streamed; with a progress bar where somebody watches."""
    query = select(table).order_by(*table.primary_key.columns)
    with storage_errors(connection.engine.url):
        found = connection.execution_options(yield_per=ROWS_AT_ONCE).execute(query)
        yield from tqdm(found, desc=what, total=total, leave=False, disable=None)


def _compare(source: dict[str, TableSum], target: dict[str, TableSum]) -> None:
    for name, expected in source.items():
        if target[name] != expected:
            raise StorageError(
                f"The copy of the table {name} is not the same: {target[name].rows} rows with the "
                f"hash {target[name].sha256[:12]} instead of {expected.rows} with "
                f"{expected.sha256[:12]}; nothing was kept."
            )


def _canonical(value: Any) -> Any:
    """Return a value of a row in a form that JSON writes the same whichever database it was in."""
    if isinstance(value, float):
        return (value + 0.0).hex()  # SQLite keeps -0.0 as 0.0
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds")
    if isinstance(value, dict | list):
        return json.dumps(_json_canonical(value), sort_keys=True)
    return value


def _json_canonical(value: Any) -> Any:
    # PostgreSQL keeps numbers of JSON as decimals: 1e22 comes back as a whole number, -0.0 as 0.
    if isinstance(value, dict):
        return {key: _json_canonical(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_json_canonical(one) for one in value]
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        return int(value)
    return value


def _refuse_row(table: Table, row: Row[Any]) -> None:
    for column, value in zip(table.columns, row, strict=True):
        if problem := _unstorable(column, value):
            key = ", ".join(str(row._mapping[one]) for one in table.primary_key.columns)
            raise StorageError(
                f"Row {key} of the table {table.name} does not fit into PostgreSQL: {column.name} "
                f"{problem}. No row was written."
            )


def _unstorable(column: Column[Any], value: Any) -> str:
    """Return what PostgreSQL would refuse of a value; empty where it fits."""
    if isinstance(value, dict | list):
        return _unstorable_json(value)
    if not isinstance(value, str):
        return ""
    if UNSTORABLE.search(value):
        return "has a NUL character"
    length = column.type.length if isinstance(column.type, String) else None
    if length is not None and len(value) > length:
        return f"has {len(value)} characters, and {length} are allowed"
    return ""


def _unstorable_json(value: Any) -> str:
    if isinstance(value, dict):
        parts = [*value, *value.values()]
        return next(filter(None, map(_unstorable_json, parts)), "")
    if isinstance(value, list):
        return next(filter(None, map(_unstorable_json, value)), "")
    if isinstance(value, str) and UNSTORABLE.search(value):
        return "has a NUL character, or half of a surrogate pair, in a text"
    if isinstance(value, float) and not math.isfinite(value):
        return f"has a number that is {value}"
    return ""


def _numbered() -> list[str]:
    """Return the tables whose numbers are given by the database, and never twice."""
    tables = TABLES
    return [table.name for table in tables if table.dialect_options["sqlite"]["autoincrement"]]


def _last_numbers(connection: Connection) -> dict[str, int]:
    """Return the last number that each table gave to a row, which may be deleted since."""
    if connection.dialect.name == "sqlite":
        rows = connection.execute(text("SELECT name, seq FROM sqlite_sequence")).all()
        known = {name: last for name, last in rows}
        return {table: known.get(table, 0) for table in _numbered()}
    last = {}
    for table in _numbered():
        sequence = connection.scalar(
            text("SELECT pg_get_serial_sequence(:name, 'id')"), {"name": table}
        )
        value, is_called = connection.execute(
            text(f"SELECT last_value, is_called FROM {sequence}")  # noqa: S608 - the server's name
        ).one()
        last[table] = value if is_called else 0
    return last


def _set_numbers(connection: Connection, last: dict[str, int]) -> None:
    """Let new rows be numbered from here on."""
    for table, number in last.items():
        if connection.dialect.name == "sqlite":
            connection.execute(
                text("DELETE FROM sqlite_sequence WHERE name = :name"), {"name": table}
            )
            connection.execute(
                text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :last)"),
                {"name": table, "last": number},
            )
        elif number:
            connection.execute(
                text("SELECT setval(pg_get_serial_sequence(:name, 'id'), :last)"),
                {"name": table, "last": number},
            )
