"""A server that is away, full or slow is told in one sentence; what it acknowledged is there."""

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from blip2core.errors import StorageError, UnavailableError
from blip2core.storage import Database, engine, open_database
from blip2core.storage.datasets import dataset_names, get_or_create_dataset
from blip2core.storage.server_errors import unavailable
from tests.storage import postgres
from tests.storage.conftest import new_postgres_url
from tests.storage.postgres import Server


@pytest.fixture
def server() -> Iterator[Server]:
    with postgres.server() as started:
        yield started


@pytest.fixture
def opened(server: Server, tmp_path: object) -> Iterator[Database]:
    database = open_database(new_postgres_url(server.end), data=str(tmp_path))
    yield database
    database.close()


def add(database: Database, name: str) -> None:
    with database.write() as session:
        get_or_create_dataset(session, name=name)


def names(database: Database) -> set[str]:
    with database.read() as session:
        return set(dataset_names(session).values())


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_server_that_is_stopped_and_started(server: Server, opened: Database, mode: str) -> None:
    add(opened, "before")
    with pytest.raises(UnavailableError, match="does not answer"), opened.write() as session:
        get_or_create_dataset(session, name="in the middle")
        session.flush()
        server.stop(mode)
        session.execute(text("SELECT 1"))
    for attempt in (names, lambda database: add(database, "away")):
        with pytest.raises(UnavailableError) as told:
            attempt(opened)
        said = str(told.value)
        assert said.startswith("The database does not answer; what was stored is safe")
        assert said.endswith(").") and "\n" not in said and len(said) < 400
    with pytest.raises(UnavailableError, match="does not answer"):
        open_database(opened.url.render_as_string(hide_password=False), data="/nowhere")
    server.start()
    assert names(opened) == {"before"}
    add(opened, "after")
    assert names(opened) == {"before", "after"}


def test_a_server_without_a_connection_left(server: Server, opened: Database) -> None:
    server.stop("fast")
    server.start("max_connections=4", "superuser_reserved_connections=0")
    held = [engine.connect(opened.url) for _ in range(4)]
    connections = [one.connect() for one in held]
    with pytest.raises(UnavailableError, match="no connection left"):
        names(opened)
    for one in connections:
        one.close()
    for one in held:
        one.dispose()
    assert names(opened) == set()


def test_a_statement_that_takes_too_long(opened: Database) -> None:
    with (
        pytest.raises(StorageError, match="statement_timeout") as told,
        opened.read() as session,
    ):
        session.execute(text("SET LOCAL statement_timeout = 50"))
        session.execute(text("SELECT pg_sleep(5)"))
    assert not isinstance(told.value, UnavailableError)  # the same would take as long again


def test_locks_that_are_held(opened: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    add(opened, "one")
    monkeypatch.setattr(engine, "BUSY_SECONDS", 1)
    lock = text("SELECT id FROM datasets WHERE id = 1 FOR UPDATE")
    with opened.write() as session:
        session.execute(lock)
        with pytest.raises(UnavailableError, match="busy with another"), opened.write() as other:
            other.execute(lock)


def test_units_that_wait_for_each_other(opened: Database) -> None:
    """One of them is ended by the server, told as busy, and run again by `run_write`."""
    for name in ("one", "two"):
        add(opened, name)
    both = threading.Barrier(2, timeout=30)
    one_is_done = threading.Event()
    tries: list[int] = []

    def lock(first: int, second: int) -> None:
        mine: list[int] = []

        def unit(session: object) -> None:
            mine.append(1)
            tries.append(1)
            if len(mine) > 1:  # or it may take the row again that the other still waits for
                assert one_is_done.wait(30)
            update = text("UPDATE datasets SET overlap = overlap + 1 WHERE id = :number")
            session.execute(update, {"number": first})
            if len(mine) == 1:
                both.wait()
            session.execute(update, {"number": second})

        opened.run_write(unit)
        one_is_done.set()

    threads = [threading.Thread(target=lock, args=pair) for pair in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tries) == 3
    with opened.read() as session:
        assert session.execute(text("SELECT overlap FROM datasets")).scalars().all() == [3, 3]


def test_what_no_server_here_says(subtests: pytest.Subtests) -> None:
    """Answers of PostgreSQL that cannot be had from it on demand."""
    away = {"57P01": "being stopped", "57P02": "starts anew", "57P03": "starting", "08006": "lost"}
    for state, words in (away | {"53300": "no connection left"}).items():
        with subtests.test(state):
            found = unavailable(DBAPIError("SELECT 1", {}, _error(state, "lost\nit was")))
            assert isinstance(found, UnavailableError) and words in str(found)
    for state in ("42P01", "22003", "40001"):
        with subtests.test(state):
            assert unavailable(DBAPIError("SELECT 1", {}, _error(state, "no"))) is None


def _error(state: str, said: str) -> Exception:
    error = Exception(said)
    error.sqlstate = state
    return error
