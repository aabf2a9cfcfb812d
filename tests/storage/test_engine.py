"""Connection rules: which journal, pragmas that are read back, addresses that are refused."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text

from blip2core.errors import StorageError
from blip2core.storage import Database, engine
from blip2core.storage.engine import connect, journal_for, parse_url


@pytest.mark.parametrize(
    ("version", "mode"),
    [
        ((3, 40, 1), "truncate"),
        ((3, 44, 5), "truncate"),
        ((3, 44, 6), "wal"),
        ((3, 45, 0), "truncate"),
        ((3, 50, 6), "truncate"),
        ((3, 50, 7), "wal"),
        ((3, 51, 2), "truncate"),
        ((3, 51, 3), "wal"),
        ((3, 52, 0), "wal"),
    ],
)
def test_a_write_ahead_log_only_where_it_is_sound(version: tuple[int, ...], mode: str) -> None:
    journal = journal_for(version)
    assert journal.mode == mode
    assert journal.synchronous == ("FULL" if mode == "wal" else "EXTRA")
    assert bool(journal.note) == (mode == "truncate")


@pytest.mark.parametrize("version", [(3, 40, 1), (3, 51, 3)])
def test_pragmas_hold_on_every_connection(tmp_path: Path, version: tuple[int, ...]) -> None:
    journal = journal_for(version)
    made = connect(parse_url(str(tmp_path / "a.db")), journal=journal)
    first, second = made.connect(), made.connect()
    for connection in (first, second):
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "trusted_schema")
        }
        assert pragmas == {
            "journal_mode": journal.mode,
            "synchronous": {"FULL": 2, "EXTRA": 3}[journal.synchronous],
            "foreign_keys": 1,
            "trusted_schema": 0,
        }
        connection.close()
    made.dispose()


def test_a_pragma_that_does_not_hold_is_an_error() -> None:
    connection = sqlite3.connect(":memory:")  # its journal is always in memory
    with pytest.raises(StorageError, match="journal_mode = wal"):
        engine._apply(connection, "journal_mode", "wal")
    connection.close()


def test_a_reading_session_cannot_write(database: Database) -> None:
    with pytest.raises(StorageError), database.read() as session:
        session.execute(text("DELETE FROM items"))
    with database.write() as session:  # the next transaction on the connection may
        session.execute(text("DELETE FROM items"))


def test_a_database_without_room_for_a_file_is_refused(tmp_path: Path) -> None:
    assert parse_url(str(tmp_path / "a.db")).database == str(tmp_path / "a.db")
    assert parse_url("postgres://u:p@host/name").drivername == "postgresql+psycopg"
    for address in ("sqlite://", "sqlite:///:memory:", "mysql://host/name", "://"):
        with pytest.raises(StorageError):
            parse_url(address)


def test_a_password_is_not_shown() -> None:
    url = parse_url("postgresql://u:secret@host/name")
    assert "secret" not in f"{url!r} {url}"
