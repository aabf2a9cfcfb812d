"""What a database says becomes a sentence with the place and the way out."""

import os
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from blip2core.errors import StorageError
from blip2core.storage import Database, open_database
from blip2core.storage.database_errors import place_of, storage_errors
from blip2core.storage.datasets import get_or_create_dataset, list_datasets
from blip2core.storage.engine import parse_url
from blip2core.storage.maintenance import backup, check
from tests.storage.world import fill

RESTORE = r"`blip2 db restore BACKUP`"


def file_of(database: Database) -> Path:
    return Path(str(database.url.database))


def grow(database: Database) -> None:
    """Write some megabytes."""
    with database.write() as session:
        for number in range(60):
            dataset = get_or_create_dataset(session, name=f"{number}")
            dataset.guidelines = "x" * 50_000
            session.flush()


def test_a_full_disk(sqlite_database: Database) -> None:
    fill(sqlite_database, items=1)
    with (
        pytest.raises(StorageError, match=f"{file_of(sqlite_database)} is full .*free some space"),
        sqlite_database.write() as session,
    ):
        pages = session.execute(text("PRAGMA page_count")).scalar_one()
        session.execute(text(f"PRAGMA max_page_count = {pages + 5}"))
        get_or_create_dataset(session, name="more").guidelines = "x" * 200_000
    sqlite_database.engine.dispose()  # with the connection goes its limit
    assert check(sqlite_database.engine).problems == ()
    with sqlite_database.read() as session:
        assert [one.dataset.name for one in list_datasets(session)] == ["birds"]
    grow(sqlite_database)


def test_damaged_pages(sqlite_database: Database) -> None:
    grow(sqlite_database)
    sqlite_database.engine.dispose()
    file = file_of(sqlite_database)
    data = bytearray(file.read_bytes())
    data[4096 * 2 :] = os.urandom(len(data) - 4096 * 2)
    file.write_bytes(data)
    damaged = f"{file} is damaged .*{RESTORE}"
    with pytest.raises(StorageError, match=damaged), sqlite_database.read() as session:
        list_datasets(session)
    with pytest.raises(StorageError, match=damaged):
        backup(sqlite_database.url, file.with_name("copy.db"))
    assert not file.with_name("copy.db").exists()


@pytest.mark.parametrize("owner", [True, False])
def test_a_file_that_is_no_database(tmp_path: Path, owner: bool) -> None:
    file = tmp_path / "studio.db"
    file.write_text("not a database, but long enough to be read as one" * 50)
    with pytest.raises(StorageError, match=f"{file} is damaged .file is not a database.*{RESTORE}"):
        open_database(str(file), owner=owner)


def test_a_database_that_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "studio.db").mkdir()
    with pytest.raises(StorageError, match="studio.db cannot be opened .*BLIP2_DATA"):
        open_database(str(tmp_path / "studio.db"))


class ServerError(Exception):
    """An error as psycopg raises it."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__("could not extend file")
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("53100", "is full .could not extend file.: free some space"),
        ("58030", "failed, or it is full"),
        ("XX001", f"is damaged .*{RESTORE}"),
        ("25006", "cannot be written"),
        ("40001", "busy"),
        ("57014", "statement_timeout"),
    ],
)
def test_errors_of_a_server(state: str, said: str) -> None:
    url = parse_url("postgresql://ann:secret@host/studio")
    with pytest.raises(StorageError, match=said) as caught, storage_errors(url):
        raise OperationalError("INSERT", {}, ServerError(state))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (sqlite3.SQLITE_IOERR_WRITE, "failed, or it is full .*`blip2 db check`"),
        (sqlite3.SQLITE_READONLY, "cannot be written .*read-only"),
        (sqlite3.SQLITE_CORRUPT, "is damaged"),
        (sqlite3.SQLITE_FULL, "is full"),
        (sqlite3.SQLITE_ERROR, "The database failed: words"),
    ],
)
def test_errors_of_sqlite_also_without_sqlalchemy(code: int, said: str) -> None:
    error = sqlite3.OperationalError("words")
    error.sqlite_errorcode = code
    with pytest.raises(StorageError, match=said), storage_errors(parse_url("/data/studio.db")):
        raise error


def test_where_a_database_is() -> None:
    assert place_of(parse_url("/data/studio.db")) == "/data/studio.db"
    assert "secret" not in place_of(parse_url("postgresql://ann:secret@host/studio"))
