"""What a run becomes, by the way its work ended."""

import sqlite3
import time
from contextlib import nullcontext
from threading import Event
from typing import Any

import pytest

from blip2core.curation import jobs as module
from blip2core.curation.jobs import BEAT_SECONDS, code_version, running
from blip2core.errors import StorageError
from blip2core.storage.database import Database
from blip2core.storage.runs import (
    RUN_STALE_SECONDS,
    NewRun,
    create_run,
    get_run,
    request_cancel,
    start_run,
)
from blip2core.storage.schema import Run


@pytest.fixture
def run_id(database: Any) -> int:
    with database.write() as session:
        return create_run(session, NewRun(kind="import", code_version="x")).id


def run_of(database: Any, run_id: int) -> Run:
    with database.read() as session:
        return get_run(session, run_id=run_id)


def test_a_run_that_misses_a_beat_or_two_does_not_count_as_killed() -> None:
    assert 3 * BEAT_SECONDS < RUN_STALE_SECONDS


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (None, "done", None),
        (KeyboardInterrupt(), "paused", None),
        (GeneratorExit(), "paused", None),
        (StorageError("The disk is full."), "failed", "The disk is full."),
        (sqlite3.Error("odd"), "failed", "Error: odd"),
    ],
)
def test_how_it_ends(database, run_id, error, status, told):
    def block() -> None:
        with running(database, run_id, Event()):
            assert run_of(database, run_id).status == "running"
            if error is not None:
                raise error

    if error is None:
        block()
    else:
        with pytest.raises(type(error)):
            block()
    run = run_of(database, run_id)
    assert (run.status, run.error) == (status, told)


def test_a_wish_is_heard_between_two_units(database, run_id):
    stop = Event()
    with running(database, run_id, stop, seconds=0.02):
        first = run_of(database, run_id).heartbeat_at
        time.sleep(0.01)
        with database.write() as session:
            request_cancel(session, run_id=run_id)
        assert stop.wait(10)
    assert run_of(database, run_id).heartbeat_at > first
    assert run_of(database, run_id).status == "cancelled"


def test_a_heartbeat_that_fails_is_not_the_last(database, run_id, monkeypatch):
    beats = []

    def busy_once(session: Any, *, run_id: int) -> str:
        beats.append(run_id)
        if len(beats) == 1:
            raise StorageError("The database is busy.")
        return "cancel"

    monkeypatch.setattr(module, "heartbeat", busy_once)
    stop = Event()
    with running(database, run_id, stop, seconds=0.02):
        assert stop.wait(10)
    assert run_of(database, run_id).status == "cancelled"


def test_the_version_is_known():
    assert code_version().startswith("blip2-studio")


@pytest.mark.parametrize(
    ("alone", "claimed", "refused"),
    [(False, False, True), (False, True, False), (True, False, False)],
)
def test_nobody_takes_over_a_run_that_is_alive_elsewhere(
    database: Database,
    run_id: int,
    monkeypatch: pytest.MonkeyPatch,
    alone: bool,
    claimed: bool,
    refused: bool,
) -> None:
    """On an SQLite file there is no elsewhere: a killed process goes on at once."""
    monkeypatch.setattr(Database, "is_alone", alone)
    with database.write() as session:
        start_run(session, run_id=run_id)
    told = pytest.raises(StorageError, match="being worked on elsewhere")
    with told if refused else nullcontext(), running(database, run_id, Event(), claimed=claimed):
        assert not refused
    with database.read() as session:
        assert get_run(session, run_id=run_id).status == ("running" if refused else "done")
