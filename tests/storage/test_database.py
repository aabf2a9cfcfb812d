"""One owner, whole units, errors of our own."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text

from blip2core.errors import StorageError
from blip2core.storage import Database, database, default_data_folder, open_database
from blip2core.storage.datasets import get_or_create_dataset
from blip2core.storage.runs import get_run, start_run
from blip2core.storage.schema import Dataset

OPEN_AND_WAIT = """
import sys
from blip2core.storage import open_database
database = open_database(sys.argv[1])  # letting go of it would let go of the file
print("open", flush=True)
sys.stdin.read()
"""


def names(opened: Database) -> list[str]:
    with opened.read() as session:
        return list(session.scalars(select(Dataset.name).order_by(Dataset.name)))


def test_one_process_owns_an_sqlite_file(tmp_path: Path) -> None:
    file = str(tmp_path / "studio.db")
    command = [sys.executable, "-c", OPEN_AND_WAIT, file]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as owner:
        assert owner.stdout.readline() == b"open\n"
        with pytest.raises(StorageError, match="stop it first"):
            open_database(file)
        reader = open_database(file, owner=False)
        assert names(reader) == []
        with pytest.raises(StorageError, match="only reads"), reader.write():
            pass
        reader.close()
        owner.kill()
    open_database(file).close()  # a killed owner owns nothing


def test_a_reader_knows_whether_somebody_owns_the_file(tmp_path: Path) -> None:
    file = str(tmp_path / "studio.db")
    owner, reader = open_database(file), open_database(file, owner=False)
    assert owner.has_owner() and reader.has_owner()
    owner.close()
    assert not reader.has_owner()
    open_database(file).close()  # looking took nothing away
    reader.close()


def test_a_unit_is_stored_whole_or_not_at_all(database: Database) -> None:
    with database.write() as session:
        get_or_create_dataset(session, name="kept")
    with pytest.raises(ZeroDivisionError), database.write() as session:
        get_or_create_dataset(session, name="lost")
        raise ZeroDivisionError
    assert names(database) == ["kept"]


def test_writers_of_one_process_take_turns(database: Database) -> None:
    def add(who: int) -> None:
        for number in range(10):
            with database.write() as session:
                get_or_create_dataset(session, name=f"{who} {number}")

    threads = [threading.Thread(target=add, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names(database)) == 40


def test_a_unit_that_was_in_the_way_is_run_again(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process holds the lock when the unit begins for the first time."""
    monkeypatch.setattr("blip2core.storage.engine.BUSY_SECONDS", 0)
    other = database.connect(sqlite_database.url)
    held = other.connect()
    held.exec_driver_sql("PRAGMA query_only = 0")
    held.exec_driver_sql("ROLLBACK")
    held.exec_driver_sql("BEGIN IMMEDIATE")
    tries = []
    opened = Database(
        url=sqlite_database.url,
        images=sqlite_database.images,
        owner=True,
        note="",
        engine=database.connect(sqlite_database.url),
    )
    real = opened.write

    def let_go_after_the_first(self: Database) -> object:
        tries.append(1)
        if len(tries) == 2:
            held.exec_driver_sql("ROLLBACK")
        return real()

    monkeypatch.setattr(Database, "write", let_go_after_the_first)
    monkeypatch.setattr(database, "RETRIES", 3)
    opened.run_write(lambda session: get_or_create_dataset(session, name="in the end"))
    assert len(tries) == 2
    assert names(opened) == ["in the end"]
    held.close()
    other.dispose()
    opened.close()


@pytest.mark.parametrize("number", [2**63 - 1, 2**63, -(2**63) - 1, 10**30])
def test_a_number_that_no_row_can_have(database: Database, number: int) -> None:
    with pytest.raises(StorageError), database.read() as session:
        get_run(session, run_id=number)
    with pytest.raises(StorageError), database.write() as session:
        start_run(session, run_id=number)


def test_errors_are_not_run_again(database: Database) -> None:
    tries = []

    def unit(session: object) -> None:
        tries.append(session)
        raise StorageError("no")

    with pytest.raises(StorageError, match="no"):
        database.run_write(unit)
    assert len(tries) == 1


def test_where_data_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLIP2_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("BLIP2_DATABASE_URL", raising=False)
    opened = open_database()
    assert opened.url.database == str(tmp_path / "data" / "studio.db")
    assert opened.images.root == tmp_path / "data" / "images"
    opened.close()
    monkeypatch.delenv("BLIP2_DATA")
    monkeypatch.setenv("BLIP2_DATABASE_URL", str(tmp_path / "else.db"))
    opened = open_database()
    assert opened.images.root == tmp_path / "images"
    opened.close()
    assert Path.cwd() not in [default_data_folder(), *default_data_folder().parents]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="BLIP2_DATA"):
        open_database(str(tmp_path / "file" / "studio.db"))


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_text("not a database, but long enough to be read as one" * 50)
    with pytest.raises(StorageError, match="not a database"):
        open_database(str(tmp_path / "a.db"))
    (tmp_path / "a.db").unlink()
    open_database(str(tmp_path / "a.db")).close()  # the lock was let go


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(StorageError):
        open_database("postgresql://postgres@/x?host=/nowhere")


def test_statements_of_a_unit_see_each_other(database: Database) -> None:
    with database.write() as session:
        get_or_create_dataset(session, name="new")
        assert session.scalar(text("SELECT count(*) FROM datasets")) == 1


def test_a_reader_sees_one_state_however_many_queries(database: Database) -> None:
    with database.write() as session:
        get_or_create_dataset(session, name="before")
    if database.is_alone and "wal" not in journal_mode(database):
        return  # a rollback journal keeps the writer waiting instead
    with database.read() as session:
        assert session.scalar(text("SELECT count(*) FROM datasets")) == 1
        with database.write() as other:
            get_or_create_dataset(other, name="meanwhile")
        assert session.scalar(text("SELECT count(*) FROM datasets")) == 1
    assert names(database) == ["before", "meanwhile"]


def journal_mode(opened: Database) -> str:
    with opened.read() as session:
        return session.scalar(text("PRAGMA journal_mode"))


def test_a_full_disk_is_told_also_within_a_savepoint(sqlite_database: Database) -> None:
    """SQLite ends the transaction by itself, and with it the savepoint to go back to."""
    much = insert(Dataset).values(name="a", guidelines="b" * 3_000_000)
    with pytest.raises(StorageError, match="database or disk is full"):
        with sqlite_database.write() as session:
            session.execute(text("PRAGMA max_page_count = 1"))
            with session.begin_nested():
                session.execute(much)
