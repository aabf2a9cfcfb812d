"""The thread behind the inbox, with a fake model: jobs end alone, and none waits for a long one."""

import json
import threading
import zipfile
from pathlib import Path

import pytest

from app.jobs import ExportJob, Import, Jobs, thread
from app.jobs.model_runs import ModelRuns
from blip2core.errors import StorageError
from blip2core.storage.database import Database
from blip2core.storage.datasets import find_dataset
from blip2core.storage.freezing import create_snapshot
from blip2core.storage.items import image_of_item, purge_image
from blip2core.storage.people import get_or_create_annotator
from blip2core.storage.runs import list_runs, request_pause, resume_run
from blip2core.storage.schema import Export, Run, Snapshot
from blip2core.storage.snapshot_selection import SnapshotPolicy
from tests.app.jobs.steps import PATIENCE, image, long_run, start_and_close, status, until
from tests.app.sample_dataset import accept_first


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
    jobs.add(ExportJob(snapshot_id=number, format="csv", annotator_id=person, embed_texts=True))

    def export() -> Export | None:
        with database.read() as session:
            return session.get(Export, 1)

    until(lambda: (found := export()) is not None and found.status == "complete")
    archive = Path(export().location).with_suffix(".zip")
    until(archive.is_file)
    manifest = json.loads((archive.with_suffix("") / "manifest.json").read_text("utf-8"))
    assert manifest["options"]["embed_texts"] is True
    with database.read() as session:
        imported = session.get(Run, run_id + 1)
    assert (imported.kind, imported.status, imported.done) == ("import", "done", 1)
    assert status(database, run_id) == "running"


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


def test_a_takedown_that_was_killed_is_finished_at_the_next_start(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.write() as session:
        image = image_of_item(session, item_id=1)
        purge_image(session, sha256=image.sha256)
    file = database.images.path(image.sha256, format=image.format)
    assert file.exists()
    with monkeypatch.context() as patched:
        patched.setattr(thread, "finish_takedowns", refuse)
        start_and_close(database)  # nobody is kept from work by a file that cannot be deleted
    start_and_close(database)
    assert not file.exists()


def test_at_the_end_an_export_that_waits_has_failed(jobs: Jobs, database: Database) -> None:
    accept_first(database)
    snapshot = create_snapshot(
        database, dataset_id=1, name="v1", policy=SnapshotPolicy(), created_by=1
    ).id
    jobs._end.set()
    jobs._thread.join()
    jobs.add(ExportJob(snapshot_id=snapshot, format="csv", annotator_id=1))
    jobs.close()
    with database.read() as session:
        found = session.get_one(Export, 1)
        assert (found.snapshot_id, found.format, found.status) == (snapshot, "csv", "failed")
        assert session.get(Export, 2) is None


def refuse(database: Database) -> None:
    raise StorageError("The image file cannot be deleted.")


@pytest.mark.parametrize(("owner", "what"), [(Jobs, "_import"), (ModelRuns, "work_on_next")])
def test_a_job_that_fails_unexpectedly_does_not_end_the_others(
    jobs: Jobs,
    database: Database,
    owner: type,
    what: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    plain, failed = getattr(owner, what), threading.Event()

    def fail_once(self: object, *job: object) -> None:
        if failed.is_set():
            plain(self, *job)
        else:
            failed.set()
            raise RuntimeError("broken in a way that nobody thought of")

    monkeypatch.setattr(owner, what, fail_once)
    if what == "_import":
        jobs.add(Import(dataset="first", sources=[image(1)], label="one image"))
    assert failed.wait(PATIENCE)
    jobs.add(Import(dataset="second", sources=[image(2)], label="one image"))

    def imported() -> bool:
        with database.read() as session:
            runs = list_runs(session, dataset_id=find_dataset(session, name="second").id)
            return [run.status for run in runs] == ["done"]

    until(imported)
    assert "nobody thought of" in caplog.text


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
