"""The thread behind the inbox, with a fake model: jobs end alone, and none waits for a long one."""

import io
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select

from app import jobs as module
from app.inference.pool import Loading
from app.jobs import ExportJob, Import, Jobs
from app.settings import AppSettings
from blip2core.curation.pairs import BY_HAND
from blip2core.errors import ModelError, StorageError
from blip2core.intake import NamedFile
from blip2core.records import WebImage
from blip2core.storage.columns import utc_now
from blip2core.storage.database import Database
from blip2core.storage.export_records import record_export
from blip2core.storage.freezing import create_snapshot
from blip2core.storage.items import image_of_item, purge_image
from blip2core.storage.people import get_or_create_annotator
from blip2core.storage.runs import (
    NewRun,
    create_run,
    get_run,
    request_cancel,
    request_pause,
    resume_run,
    start_run,
)
from blip2core.storage.schema import Export, Run, Snapshot
from blip2core.storage.snapshot_selection import SnapshotPolicy
from tests.app.sample_dataset import accept_first
from tests.fakes import FakeGenerator, fake_services

PATIENCE = 20.0


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)


def status(database: Database, run_id: int) -> str:
    with database.read() as session:
        return get_run(session, run_id=run_id).status


def run_of(database: Database, label: str) -> Run | None:
    """The import that has this label."""
    with database.read() as session:
        found = session.scalars(select(Run).where(Run.kind == "import").order_by(Run.id.desc()))
        return next((run for run in found if run.parameters.get("input") == label), None)


def heartbeat_of(database: Database, run_id: int) -> datetime:
    with database.read() as session:
        return get_run(session, run_id=run_id).heartbeat_at


def image(number: int) -> NamedFile:
    buffer = io.BytesIO()
    Image.new("RGB", (20, 20), (number, 0, 0)).save(buffer, "PNG")
    return NamedFile(f"{number}.png", buffer.getvalue())


def long_run(database: Database) -> int:
    with database.write() as session:
        new = NewRun(kind="score", code_version="test", dataset_id=1, model="m", revision="0" * 40)
        return create_run(session, new).id


@pytest.fixture
def jobs(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Jobs]:
    """Jobs whose model runs never end by themselves."""
    from blip2core import curation
    from blip2core.curation.jobs import running

    def work(database: Database, run_id: int, models: object, *, stop, claimed) -> Iterator[str]:
        with running(database, run_id, stop, seconds=0.02, claimed=claimed):
            while not stop.is_set():
                time.sleep(0.01)
                yield "step"

    monkeypatch.setattr(curation, "work", work)
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.02)
    plain = fake_services(FakeGenerator())
    monkeypatch.setattr(Jobs, "_models_of", lambda *_: object())
    jobs = Jobs(database, plain.engine, plain.settings)
    jobs.start()
    yield jobs
    jobs.close()


def test_pause_stops_one_run_and_not_the_thread(jobs: Jobs, database: Database) -> None:
    run_id = long_run(database)
    for _ in range(2):
        until(lambda: status(database, run_id) == "running")
        with database.write() as session:
            request_pause(session, run_id=run_id)
        until(lambda: status(database, run_id) == "paused")
        with database.write() as session:
            resume_run(session, run_id=run_id)


def test_imports_and_exports_come_in_between_a_long_run(jobs: Jobs, database: Database) -> None:
    run_id = long_run(database)
    until(lambda: status(database, run_id) == "running")
    jobs.add(Import(dataset="second", sources=[image(1)], label="one image"))
    accept_first(database)
    with database.write() as session:
        person = get_or_create_annotator(session, handle="ada").id
    snapshot = create_snapshot(
        database, dataset_id=1, name="v1", policy=SnapshotPolicy(), created_by=person
    )
    number = snapshot.id
    jobs.add(ExportJob(snapshot_id=number, format="csv", annotator_id=person))

    def export() -> Export | None:
        with database.read() as session:
            return session.get(Export, 1)

    until(lambda: (found := export()) is not None and found.status == "complete")
    archive = Path(export().location).with_suffix(".zip")
    until(archive.is_file)
    with database.read() as session:
        imported = session.get(Run, run_id + 1)
    assert (imported.kind, imported.status, imported.done) == ("import", "done", 1)
    assert status(database, run_id) == "running"


@pytest.mark.parametrize("more", [{}, {"captions": {}}])
def test_what_was_kept_from_the_workbench_is_never_gone_on_with(
    jobs: Jobs, database: Database, more: dict[str, object]
) -> None:
    with database.write() as session:
        new = NewRun(
            kind="capfilt",
            code_version="test",
            dataset_id=1,
            model="m",
            revision="0" * 40,
            parameters=more | BY_HAND,
        )
        run_id = create_run(session, new).id  # as a process that was killed could leave it
    until(lambda: status(database, run_id) == "failed")
    with database.read() as session:
        assert "keep the pairs there again" in get_run(session, run_id=run_id).error


def test_a_run_whose_models_cannot_be_had_has_failed(
    jobs: Jobs, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object) -> None:
        raise ModelError("There is no such model.")

    monkeypatch.setattr(Jobs, "_models_of", missing)
    run_id = long_run(database)
    until(lambda: status(database, run_id) == "failed")
    with database.read() as session:
        assert get_run(session, run_id=run_id).error == "There is no such model."


@pytest.mark.parametrize(
    ("ask", "becomes"), [(request_cancel, "cancelled"), (request_pause, "paused")]
)
def test_a_run_can_be_stopped_while_its_models_are_loaded(
    jobs: Jobs,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    ask: Callable[..., Run],
    becomes: str,
) -> None:
    loaded = threading.Event()
    monkeypatch.setattr(module, "BEAT_SECONDS", 0.02)
    monkeypatch.setattr(Jobs, "_models_of", lambda *_: loaded.wait(PATIENCE))
    run_id = long_run(database)
    until(lambda: status(database, run_id) == "running")
    with database.write() as session:
        ask(session, run_id=run_id)
        heard = get_run(session, run_id=run_id).heartbeat_at
    until(lambda: heartbeat_of(database, run_id) > heard)
    loaded.set()
    until(lambda: status(database, run_id) == becomes)


def test_no_run_is_claimed_where_the_images_are_away(
    jobs: Jobs,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Another studio may have them. Once they are there again, this one goes on."""
    monkeypatch.setattr("app.outages.LONGEST_SECONDS", 0.1)
    monkeypatch.setattr("app.outages.FIRST_SECONDS", 0.05)
    root, away = database.images.root, database.images.root.with_name("away")
    root.rename(away)
    until(lambda: "Work in the background waits" in caplog.text)
    run_id = long_run(database)
    time.sleep(0.3)
    assert status(database, run_id) == "queued"
    assert caplog.text.count("is not the image store") == 1
    away.rename(root)
    until(lambda: status(database, run_id) == "running")


def test_snapshots_that_were_killed_are_removed_at_the_next_start(database: Database) -> None:
    accept_first(database)
    snapshot = create_snapshot(
        database, dataset_id=1, name="v1", policy=SnapshotPolicy(), created_by=1
    )
    with database.write() as session:
        session.get_one(Snapshot, snapshot.id).status = "writing"
    start_and_close(database)
    with database.read() as session:
        assert session.get(Snapshot, snapshot.id) is None


def test_what_was_killed_is_told_as_failed_after_the_next_start(database: Database) -> None:
    imported, export = begin_import_and_export(database)
    start_and_close(database)
    with database.read() as session:
        assert get_run(session, run_id=imported).status == "failed"
        assert session.get_one(Export, export).status == "failed"


def test_what_another_process_does_goes_on_after_the_next_start(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Database, "is_alone", False)  # as on PostgreSQL
    imported, export = begin_import_and_export(database)
    start_and_close(database)
    with database.read() as session:
        assert get_run(session, run_id=imported).status == "running"
        assert session.get_one(Export, export).status == "writing"
    with database.write() as session:
        long_ago = utc_now() - timedelta(days=1)
        get_run(session, run_id=imported).heartbeat_at = long_ago
        session.get_one(Export, export).created_at = long_ago
    start_and_close(database)
    with database.read() as session:
        assert get_run(session, run_id=imported).status == "failed"
        assert session.get_one(Export, export).status == "failed"


def test_a_takedown_that_was_killed_is_finished_at_the_next_start(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.write() as session:
        image = image_of_item(session, item_id=1)
        purge_image(session, sha256=image.sha256)
    file = database.images.path(image.sha256, format=image.format)
    assert file.exists()
    with monkeypatch.context() as patched:
        patched.setattr(module, "finish_takedowns", refuse)
        start_and_close(database)  # nobody is kept from work by a file that cannot be deleted
    start_and_close(database)
    assert not file.exists()


def refuse(database: Database) -> None:
    raise StorageError("The image file cannot be deleted.")


def test_at_the_end_a_run_is_put_back_and_goes_on_after_the_next_start(
    jobs: Jobs, database: Database
) -> None:
    run_id = long_run(database)
    until(lambda: status(database, run_id) == "running")
    jobs.close()
    assert status(database, run_id) == "queued"
    again = Jobs(database, fake_services(FakeGenerator()).engine, AppSettings())
    again.start()
    until(lambda: status(database, run_id) == "running")
    again.close()


def test_at_the_end_what_somebody_asked_is_done(jobs: Jobs, database: Database) -> None:
    run_id = long_run(database)
    until(lambda: status(database, run_id) == "running")
    jobs._end.set()
    with database.write() as session:
        request_pause(session, run_id=run_id)
    jobs.close()
    assert status(database, run_id) == "paused"


def test_at_the_end_an_import_has_failed_as_its_files_are_removed(
    jobs: Jobs, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    going, on = threading.Event(), threading.Event()

    def read(source: object, *, download: object) -> Iterator[WebImage]:
        for number in range(100):
            content = image(number).content
            assert isinstance(content, bytes)
            yield WebImage(name=f"{number}.png", data=content)
            if number == 70:  # more than a unit is on its way
                going.set()
                assert on.wait(PATIENCE)

    monkeypatch.setattr(module, "read", read)
    jobs.add(Import(dataset="second", sources=[image(1)], label="many"))
    assert going.wait(PATIENCE)
    jobs._end.set()
    on.set()
    jobs.close()
    run = run_of(database, "many")
    assert run is not None and run.status == "failed" and 0 < run.done < 100
    assert run.error == "The studio was stopped meanwhile: import it again."


def test_at_the_end_nobody_waits_for_a_model_that_loads(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.02)
    plain = fake_services(FakeGenerator())
    never: Loading[Any] = Loading()
    pair = replace(plain.engine.pair("any"), loading_matcher=lambda: never)
    monkeypatch.setattr(plain.engine, "pair", lambda name: pair)
    jobs = Jobs(database, plain.engine, plain.settings)
    jobs.start()
    run_id = long_run(database)
    until(lambda: status(database, run_id) == "running")
    jobs.close()
    assert status(database, run_id) == "queued"


def begin_import_and_export(database: Database) -> tuple[int, int]:
    """Both under way; numbers of the run and of the export."""
    accept_first(database)
    with database.write() as session:
        person = get_or_create_annotator(session, handle="ada").id
    snapshot = create_snapshot(
        database, dataset_id=1, name="v1", policy=SnapshotPolicy(), created_by=person
    )
    with database.write() as session:
        export = record_export(session, snapshot_id=snapshot.id, format="csv")
        run = create_run(session, NewRun(kind="import", code_version="test", dataset_id=1))
        start_run(session, run_id=run.id)
        return run.id, export.id


def start_and_close(database: Database) -> None:
    plain = fake_services(FakeGenerator())
    jobs = Jobs(database, plain.engine, plain.settings)
    jobs.start()
    jobs.close()


@pytest.mark.parametrize("what", ["_import", "_run_next"])
def test_a_job_that_fails_unexpectedly_does_not_end_the_others(
    jobs: Jobs,
    database: Database,
    what: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    plain, failed = getattr(Jobs, what), threading.Event()

    def fail_once(self: Jobs, *job: object) -> None:
        if failed.is_set():
            plain(self, *job)
        else:
            failed.set()
            raise RuntimeError("broken in a way that nobody thought of")

    monkeypatch.setattr(Jobs, what, fail_once)
    if what == "_import":
        jobs.add(Import(dataset="first", sources=[image(1)], label="one image"))
    assert failed.wait(PATIENCE)
    jobs.add(Import(dataset="second", sources=[image(2)], label="one image"))

    def imported() -> bool:
        with database.read() as session:
            run = session.get(Run, 2)  # the first is that of the sample dataset
            return run is not None and run.status == "done"

    until(imported)
    assert "nobody thought of" in caplog.text


@pytest.mark.parametrize(
    ("setting", "asked", "fetches"),
    [(True, True, True), (True, False, False), (False, True, False)],
)
def test_addresses_are_fetched_where_the_setting_and_the_person_say_so(
    database: Database,
    setting: bool,
    asked: bool,
    fetches: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: list[object] = []

    def read(source: object, *, download: object) -> Iterator[object]:
        given.append(download)
        yield from ()

    monkeypatch.setattr(module, "read", read)
    plain = fake_services(FakeGenerator(), downloads=setting)
    jobs = Jobs(database, plain.engine, plain.settings)
    jobs.start()
    jobs.add(Import(dataset="a", sources=[image(1)], label="table", downloads=asked))
    until(lambda: bool(given))
    jobs.close()
    assert [download is not None for download in given] == [fetches]


def test_an_archive_that_does_not_fit_on_the_disk_is_told(
    jobs: Jobs,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The export itself is there, and no half of an archive beside it."""
    accept_first(database)
    with database.write() as session:
        person = get_or_create_annotator(session, handle="ada").id
    policy = SnapshotPolicy()
    snapshot = create_snapshot(
        database, dataset_id=1, name="v1", policy=policy, created_by=person
    ).id

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "write", full)
    jobs.add(ExportJob(snapshot_id=snapshot, format="csv", annotator_id=person))
    until(lambda: "not as a file to download" in caplog.text)
    assert "No space left on device; free some space there" in caplog.text
    (folder,) = (database.images.root.parent / "exports").iterdir()
    assert folder.is_dir() and str(folder) in caplog.text
