"""Database connections on which a commit is durable and foreign keys are enforced."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from blip2core.errors import StorageError
from blip2core.storage.text_search import has_words

BUSY_SECONDS = 10
"""How long a writer waits for another one before it gives up."""
CONNECTIONS = {
    "connect_timeout": BUSY_SECONDS,
    "keepalives_idle": 20,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "tcp_user_timeout": 40_000,
}
"""How libpq finds out that a server is gone that can no longer say so: within 40 seconds."""
WRITE = "blip2_write"
"""Execution option of the transactions that may write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """How SQLite makes a commit last."""

    mode: str
    synchronous: str
    note: str = ""
    """What the owner of the database should know; empty where all is well."""


def journal_for(version: tuple[int, ...]) -> Journal:
    """Return a write-ahead log where that of this SQLite version is sound, else a rollback journal.

    Until 3.51.2 two connections that write and checkpoint at once could lose commits (the WAL-reset
    bug); 3.50.7 and 3.44.6 have the repair too.
    """
    sound = version >= (3, 51, 3) or any(
        fixed <= version < (fixed[0], fixed[1] + 1) for fixed in ((3, 50, 7), (3, 44, 6))
    )
    if sound:
        return Journal(mode="wal", synchronous="FULL")
    name = ".".join(map(str, version))
    return Journal(
        mode="truncate",
        synchronous="EXTRA",
        note=f"SQLite {name} may lose commits with a write-ahead log, so the slower rollback "
        "journal is used; SQLite 3.51.3, 3.50.7 and 3.44.6 are repaired.",
    )


def parse_url(text: str) -> URL:
    """Parse a database URL or the path of an SQLite file. Raises StorageError for all else."""
    if "://" not in text:
        return URL.create("sqlite", database=str(Path(text).expanduser().resolve()))
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise StorageError(
            "The database URL cannot be read; it looks like sqlite:////folder/file.db or "
            "postgresql://user:password@host/name."
        ) from error
    backend = url.drivername.partition("+")[0]
    if backend in {"postgres", "postgresql"}:
        return url.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise StorageError(f"{backend} is not supported: use sqlite or postgresql.")
    if url.database in {None, "", ":memory:"} or str(url.database).startswith("file:"):
        raise StorageError("The database has to be a file: sqlite:////folder/file.db.")
    return url.set(drivername="sqlite", database=str(Path(str(url.database)).resolve()), query={})


def connect(url: URL, *, journal: Journal | None = None, foreign_keys: bool = True) -> Engine:
    """Return an engine whose transactions only read, unless they carry the execution option WRITE.

    Without `foreign_keys` only for migrations, which may build a table anew.
    """
    if url.get_backend_name() == "postgresql":
        return _postgresql(url)
    journal = journal or journal_for(sqlite3.sqlite_version_info)
    engine = create_engine(
        url,
        # Our own BEGIN (below): the driver would begin only before the first INSERT, and never
        # before CREATE TABLE, so that neither a read-then-write nor a migration would be one unit.
        connect_args={
            "isolation_level": None,
            "timeout": BUSY_SECONDS,
            "check_same_thread": False,
        },
    )

    @event.listens_for(engine, "connect")
    def _set_pragmas(connection: sqlite3.Connection, _record: object) -> None:
        connection.create_function("has_words", 2, has_words, deterministic=True)
        _apply(connection, "journal_mode", journal.mode)
        _apply(connection, "synchronous", {"FULL": 2, "EXTRA": 3}[journal.synchronous])
        _apply(connection, "foreign_keys", int(foreign_keys))
        _apply(connection, "trusted_schema", 0)
        _apply(connection, "cell_size_check", 1)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = bool(connection.get_execution_options().get(WRITE))
        connection.exec_driver_sql(f"PRAGMA query_only = {int(not writes)}")
        # IMMEDIATE takes the write lock at the start, where waiting helps: a transaction that has
        # read before another one wrote can only fail.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def connect_read_only(file: Path) -> Engine:
    """Return an engine on an SQLite file that nobody changes: nothing is written, not even beside
    it, so it may lie on a disk that is read-only.
    """
    address = f"{file.resolve().as_uri()}?mode=ro&immutable=1"

    def open_file() -> sqlite3.Connection:
        found = sqlite3.connect(address, uri=True, check_same_thread=False)
        found.execute("PRAGMA trusted_schema = 0")
        return found

    return create_engine(URL.create("sqlite", database=str(file)), creator=open_file)


def _apply(connection: sqlite3.Connection, pragma: str, value: str | int) -> None:
    """Set a pragma and read it back: file systems and builds may refuse it without an error."""
    found = connection.execute(f"PRAGMA {pragma} = {value}").fetchone()
    found = connection.execute(f"PRAGMA {pragma}").fetchone()
    if found is None or found[0] != value:
        raise StorageError(
            f"SQLite does not accept {pragma} = {value} here (it says {found and found[0]}). "
            "Put the database on a local disk, or use PostgreSQL."
        )


def _postgresql(url: URL) -> Engine:
    engine = create_engine(url, pool_pre_ping=True, connect_args=CONNECTIONS)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        options: dict[str, Any] = dict(connection.get_execution_options())
        if options.get(WRITE):
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{BUSY_SECONDS}s'")
        else:
            # One state however many queries: by default each of them would see another.
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")

    return engine
