"""Runs on models: claimed, stopped, put back, and gone on with."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from app.inference.pool import Loading
from app.jobs import Jobs, model_runs, thread
from app.jobs.model_runs import ModelRuns
from app.settings import AppSettings
from blip2core.curation.pairs import BY_HAND
from blip2core.errors import ModelError
from blip2core.storage.database import Database
from blip2core.storage.runs import (
    NewRun,
    create_run,
    get_run,
    request_cancel,
    request_pause,
)
from blip2core.storage.schema import Run
from tests.app.jobs.steps import PATIENCE, heartbeat_of, long_run, status, until
from tests.fakes import FakeGenerator, fake_services


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

    monkeypatch.setattr(ModelRuns, "_models_of", missing)
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
    monkeypatch.setattr(model_runs, "BEAT_SECONDS", 0.02)
    monkeypatch.setattr(ModelRuns, "_models_of", lambda *_: loaded.wait(PATIENCE))
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


def test_at_the_end_nobody_waits_for_a_model_that_loads(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thread, "IDLE_SECONDS", 0.02)
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
