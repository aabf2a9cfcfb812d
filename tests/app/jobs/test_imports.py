"""Imports of the background thread: the files they read, and how they end."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from app.jobs import Import, Jobs, imports
from blip2core.config import CaptionConfig
from blip2core.errors import UnavailableError
from blip2core.intake import Columns
from blip2core.records import WebImage
from blip2core.storage.columns import utc_now
from blip2core.storage.database import Database
from blip2core.storage.runs import get_run, list_runs, request_cancel
from blip2core.storage.schema import Export
from tests.app.jobs.steps import (
    PATIENCE,
    begin_import_and_export,
    heartbeat_of,
    image,
    run_of,
    start_and_close,
    status,
    until,
)
from tests.fakes import FakeGenerator, fake_services


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


def test_at_the_end_an_import_has_failed_as_its_files_are_removed(
    jobs: Jobs, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    going, on = threading.Event(), threading.Event()

    def read(source: object, **_: object) -> Iterator[WebImage]:
        for number in range(400):
            content = image(number).content
            assert isinstance(content, bytes)
            yield WebImage(name=f"{number}.png", data=content)
            if number == 300:  # more than a unit is on its way
                going.set()
                assert on.wait(PATIENCE)

    monkeypatch.setattr(imports, "read", read)
    jobs.add(Import(dataset="second", sources=[image(1)], label="many"))
    assert going.wait(PATIENCE)
    jobs._end.set()
    on.set()
    jobs.close()
    run = run_of(database, "many")
    assert run is not None and run.status == "failed" and 0 < run.done < 400
    assert run.error == "The studio was stopped meanwhile: import it again."


def waiting(database: Database, tmp_path: Path, **changes: object) -> tuple[Jobs, Path]:
    """Jobs with an import that nobody begins, and the copies that it would read."""
    plain = fake_services(FakeGenerator())
    jobs = Jobs(database, plain.engine, plain.settings)
    jobs._thread = threading.Thread(target=jobs._end.wait)
    jobs.start()
    copies = jobs.new_folder()
    new = Import(dataset="second", sources=[image(1)], label="waits", clean_up=copies)
    jobs.add(replace(new, **changes))
    return jobs, copies


def test_an_import_that_waits_is_in_the_list_of_runs(database: Database, tmp_path: Path) -> None:
    """Also where the process is killed: the next start says what to do."""
    jobs, copies = waiting(database, tmp_path)
    run = run_of(database, "waits")
    assert run is not None and run.status == "queued" and copies.is_dir()
    start_and_close(database)
    run = run_of(database, "waits")
    assert run is not None and run.status == "failed" and run.error == imports.IMPORT_STOPPED
    jobs.close()


def test_at_the_end_imports_that_wait_have_failed(database: Database, tmp_path: Path) -> None:
    jobs, copies = waiting(database, tmp_path)
    jobs.add(Import(dataset="second", sources=[image(2)], label="waits too"))
    jobs.close()
    for label in ("waits", "waits too"):
        run = run_of(database, label)
        assert run is not None and run.status == "failed" and run.error == imports.IMPORT_STOPPED
    assert not copies.exists()


def test_an_import_that_is_cancelled_while_it_waits_is_not_begun(
    database: Database, tmp_path: Path
) -> None:
    jobs, copies = waiting(database, tmp_path, then=CaptionConfig())
    run = run_of(database, "waits")
    assert run is not None
    with database.write() as session:
        request_cancel(session, run_id=run.id)
    assert jobs._do_waiting()
    assert status(database, run.id) == "cancelled" and not copies.exists()
    jobs.close()
    with database.read() as session:
        newest = list_runs(session)[0]
        assert newest.id == run.id and (newest.done, newest.error) == (0, None)


def test_an_import_that_cannot_begin_has_failed(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("nobody thought of this")

    monkeypatch.setattr(imports, "import_images", refuse)
    jobs, copies = waiting(database, tmp_path)
    assert jobs._do_waiting()
    run = run_of(database, "waits")
    assert run is not None and (run.status, run.error) == (
        "failed",
        "RuntimeError: nobody thought of this",
    )
    assert not copies.exists()
    jobs.close()


def test_an_import_that_waits_shows_signs_of_life_to_other_studios(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Database, "is_alone", False)  # as on PostgreSQL
    monkeypatch.setattr(imports, "BEAT_SECONDS", 0.02)
    jobs, _ = waiting(database, tmp_path)
    run = run_of(database, "waits")
    assert run is not None
    with database.write() as session:
        get_run(session, run_id=run.id).created_at = utc_now() - timedelta(days=1)
    until(lambda: heartbeat_of(database, run.id) is not None)
    start_and_close(database)
    assert status(database, run.id) == "queued"
    assert jobs._do_waiting()
    assert status(database, run.id) == "done"
    last = heartbeat_of(database, run.id)
    time.sleep(0.1)
    assert heartbeat_of(database, run.id) == last
    jobs.close()


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
    told: list[object] = []

    def read(source: object, *, columns: object, download: object, **_: object) -> Iterator[object]:
        given.append(download)
        told.append(columns)
        yield from ()

    monkeypatch.setattr(imports, "read", read)
    plain = fake_services(FakeGenerator(), downloads=setting)
    jobs = Jobs(database, plain.engine, plain.settings)
    jobs.start()
    jobs.add(
        Import(
            dataset="a",
            sources=[image(1)],
            label="table",
            downloads=asked,
            columns={"t.csv": Columns(path="foto")},
        )
    )
    until(lambda: bool(given))
    jobs.close()
    assert [download is not None for download in given] == [fetches]
    assert told == [{"t.csv": Columns(path="foto")}]


def test_what_was_imported_whole_is_not_read_again_for_its_captions(
    jobs: Jobs, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database went away between the two: the copies are gone by then."""
    monkeypatch.setattr("app.outages.FIRST_SECONDS", 0.02)
    read, begun, asked = imports.read, [], []

    def counted(source: object, **more: object) -> Iterator[object]:
        begun.append(1)
        return read(source, **more)  # type: ignore[arg-type]

    def away_at_first(*_: object) -> None:
        asked.append(1)
        if len(asked) == 1:
            raise UnavailableError("The database does not answer.")

    monkeypatch.setattr(imports, "read", counted)
    monkeypatch.setattr(jobs.model_runs, "start_capfilt", away_at_first)
    then = CaptionConfig()
    jobs.add(Import(dataset="second", sources=[image(1)], label="one image", then=then))
    until(lambda: len(asked) == 2)
    assert len(begun) == 1
    run = run_of(database, "one image")
    assert run is not None and run.status == "done"
