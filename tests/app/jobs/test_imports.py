"""Imports of the background thread: the files they read, and how they end."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from app.jobs import Import, Jobs, imports
from blip2core.records import WebImage
from blip2core.storage.columns import utc_now
from blip2core.storage.database import Database
from blip2core.storage.runs import (
    get_run,
)
from blip2core.storage.schema import Export
from tests.app.jobs.steps import (
    PATIENCE,
    begin_import_and_export,
    image,
    run_of,
    start_and_close,
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

    def read(source: object, *, download: object) -> Iterator[WebImage]:
        for number in range(100):
            content = image(number).content
            assert isinstance(content, bytes)
            yield WebImage(name=f"{number}.png", data=content)
            if number == 70:  # more than a unit is on its way
                going.set()
                assert on.wait(PATIENCE)

    monkeypatch.setattr(imports, "read", read)
    jobs.add(Import(dataset="second", sources=[image(1)], label="many"))
    assert going.wait(PATIENCE)
    jobs._end.set()
    on.set()
    jobs.close()
    run = run_of(database, "many")
    assert run is not None and run.status == "failed" and 0 < run.done < 100
    assert run.error == "The studio was stopped meanwhile: import it again."


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

    monkeypatch.setattr(imports, "read", read)
    plain = fake_services(FakeGenerator(), downloads=setting)
    jobs = Jobs(database, plain.engine, plain.settings)
    jobs.start()
    jobs.add(Import(dataset="a", sources=[image(1)], label="table", downloads=asked))
    until(lambda: bool(given))
    jobs.close()
    assert [download is not None for download in given] == [fetches]
