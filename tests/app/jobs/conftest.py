"""The background thread, with model runs that never end by themselves."""

import time
from collections.abc import Iterator

import pytest

from app.jobs import Jobs, thread
from app.jobs.model_runs import ModelRuns
from blip2core.storage.database import Database
from tests.fakes import FakeGenerator, fake_services


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
    monkeypatch.setattr(thread, "IDLE_SECONDS", 0.02)
    plain = fake_services(FakeGenerator())
    monkeypatch.setattr(ModelRuns, "_models_of", lambda *_: object())
    jobs = Jobs(database, plain.engine, plain.settings)
    jobs.start()
    yield jobs
    jobs.close()
