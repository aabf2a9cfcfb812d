"""Background work while PostgreSQL is stopped and started: it waits, says so once, and goes on."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from app import outages
from app.jobs import ExportJob, Import, Jobs, imports, thread
from app.jobs.model_runs import ModelRuns
from app.outages import Outage
from blip2core import curation
from blip2core.curation.jobs import running
from blip2core.errors import UnavailableError
from blip2core.exports import snapshots as exports
from blip2core.storage.database import Database, open_database
from blip2core.storage.datasets import find_dataset, status_counts
from blip2core.storage.freezing import create_snapshot
from blip2core.storage.runs import get_run, heartbeat, list_runs, start_run
from blip2core.storage.schema import Export
from blip2core.storage.snapshot_selection import SnapshotPolicy
from tests.app.jobs.steps import image, long_run, status, until
from tests.app.sample_dataset import accept_first, fill
from tests.fakes import FakeGenerator, fake_services
from tests.storage import postgres
from tests.storage.conftest import new_postgres_url
from tests.storage.postgres import Server

PATIENCE = 30.0


class Waits:
    """Stands for the event that ends a wait; remembers how long each was to be."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def wait(self, seconds: float) -> None:
        self.seconds.append(seconds)


@pytest.fixture
def server() -> Iterator[Server]:
    with postgres.server() as started:
        yield started


@pytest.fixture
def database(server: Server, tmp_path: Path) -> Iterator[Database]:
    """Three images of the dataset "samples", on a server of its own."""
    database = open_database(new_postgres_url(server.end), data=tmp_path)
    fill(database, 3)
    yield database
    database.close()


@pytest.fixture
def jobs(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Jobs]:
    """Jobs that wait .05 to .2 seconds instead of 1 to 60."""
    monkeypatch.setattr(thread, "IDLE_SECONDS", 0.02)
    monkeypatch.setattr(outages, "FIRST_SECONDS", 0.05)
    monkeypatch.setattr(outages, "LONGEST_SECONDS", 0.2)
    monkeypatch.setattr(ModelRuns, "_models_of", lambda *_: object())
    plain = fake_services(FakeGenerator())
    jobs = Jobs(database, plain.engine, plain.settings)
    jobs.start()
    yield jobs
    jobs.close()


def waits(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the background thread said."""
    return [
        one.getMessage() for one in caplog.records if one.name in ("app.outages", "app.jobs.thread")
    ]


def away(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """Stop the server, and start it again once the thread has noticed and asked some times."""
    server.stop()
    until(lambda: bool(waits(caplog)))
    time.sleep(1.0)
    server.start()


def test_the_delay_grows_and_the_log_has_two_lines(caplog: pytest.LogCaptureFixture) -> None:
    end = Waits()
    outage = Outage(end)  # type: ignore[arg-type]
    outage.over()
    for _ in range(9):
        outage.wait(UnavailableError("The database does not answer."))
    outage.over()
    outage.over()
    assert end.seconds == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    first, last = waits(caplog)
    assert first == "Work in the background waits: The database does not answer."
    assert last.startswith("Work in the background goes on, after ")
    outage.wait(UnavailableError("again"))
    assert end.seconds[-1] == 1


def test_an_idle_thread_waits_and_goes_on(
    jobs: Jobs, server: Server, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    away(server, caplog)
    until(lambda: len(waits(caplog)) == 2)
    jobs.add(Import(dataset="after", sources=[image(1)], label="one"))
    until(lambda: len(runs(database, "after")) == 1)
    said = waits(caplog)
    assert len(said) == 2 and "does not answer" in said[0] and "goes on" in said[1]


def test_a_run_goes_on_where_the_server_left_it(
    jobs: Jobs,
    server: Server,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Also where the server is there again before the end of the run could be noted."""
    acknowledged, stopped = [], threading.Event()

    def work(database: Database, run_id: int, models: object, *, stop, claimed) -> Iterator[str]:
        with running(database, run_id, stop, seconds=0.02, claimed=claimed):
            while len(acknowledged) < 40:
                with database.write() as session:
                    heartbeat(session, run_id=run_id, done=1)
                    if len(acknowledged) == 20 and not stopped.is_set():
                        server.stop()
                        server.start()
                        stopped.set()
                acknowledged.append(1)
                yield "step"

    monkeypatch.setattr(curation, "work", work)
    run_id = long_run(database)
    assert stopped.wait(PATIENCE)
    until(lambda: status(database, run_id) == "done")
    with database.read() as session:
        run = get_run(session, run_id=run_id)
    assert run.done == len(acknowledged) == 40 and run.error is None
    assert len(waits(caplog)) == 2


def test_a_run_that_another_worker_has_taken_is_left_to_it(
    jobs: Jobs, server: Server, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, taken = [], threading.Event()

    def work(database: Database, run_id: int, models: object, *, stop, claimed) -> Iterator[str]:
        begun.append(run_id)
        with running(database, run_id, stop, claimed=claimed):
            yield "step"
            server.stop()
            with pytest.raises(UnavailableError), database.read() as session:
                get_run(session, run_id=run_id)
            raise UnavailableError("away")

    real = ModelRuns.put_back

    def put_back(self: ModelRuns) -> None:
        if self._left is not None and not taken.is_set():
            server.start()
            with database.write() as session:
                start_run(session, run_id=run_id)  # by another studio, which was faster
            taken.set()
        real(self)

    monkeypatch.setattr(curation, "work", work)
    monkeypatch.setattr(ModelRuns, "put_back", put_back)
    run_id = long_run(database)
    assert taken.wait(PATIENCE)
    until(lambda: jobs.model_runs._left is None)
    time.sleep(0.3)
    assert begun == [run_id] and status(database, run_id) == "running"


def test_an_import_is_begun_again_from_its_files_in_the_same_run(
    jobs: Jobs,
    server: Server,
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    real, calls = imports._found, []

    def found(*given: object) -> Iterator[object]:
        calls.append(1)
        for number, one in enumerate(real(*given)):  # type: ignore[arg-type]
            if number == 70 and len(calls) == 1:
                server.stop()
            yield one

    monkeypatch.setattr(imports, "_found", found)
    copies = tmp_path / "copies"
    copies.mkdir()
    images = [image(number) for number in range(100)]
    jobs.add(Import(dataset="many", sources=images, label="100", clean_up=copies))
    until(lambda: bool(waits(caplog)))
    assert copies.is_dir()
    server.start()
    until(lambda: len(runs(database, "many")) == 1 and runs(database, "many")[0].status == "done")
    [run] = runs(database, "many")
    assert (run.done, run.failed) == (100, 0)
    until(lambda: not copies.exists())
    with database.read() as session:
        number = find_dataset(session, name="many").id
        assert status_counts(session, dataset_id=number) == {"pending": 100}


def test_an_export_is_begun_again(
    jobs: Jobs,
    server: Server,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    accept_first(database)
    snapshot = create_snapshot(
        database, dataset_id=1, name="v1", policy=SnapshotPolicy(), created_by=1
    )
    real, calls = exports.export_pairs, []

    def export_pairs(*given: object, **named: object) -> object:
        calls.append(1)
        if len(calls) == 1:
            server.stop()
        return real(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(exports, "export_pairs", export_pairs)
    jobs.add(ExportJob(snapshot_id=snapshot.id, format="csv", annotator_id=1))
    until(lambda: bool(waits(caplog)))
    server.start()
    until(lambda: statuses(database) == ["failed", "complete"])


def runs(database: Database, dataset: str) -> list[object]:
    """Imports into a dataset; none while the server is away."""
    return asked(database, lambda session: _runs(session, dataset), [])


def _runs(session: object, dataset: str) -> list[object]:
    number = find_dataset(session, name=dataset).id  # type: ignore[arg-type]
    return list(list_runs(session, dataset_id=number))  # type: ignore[arg-type]


def statuses(database: Database) -> list[str]:
    query = select(Export.status).order_by(Export.id)
    return asked(database, lambda session: list(session.scalars(query)), [])


def asked(database: Database, read: Callable[[object], list], otherwise: list) -> list:
    from blip2core.errors import StorageError

    try:
        with database.read() as session:
            return read(session)
    except StorageError:
        return otherwise
