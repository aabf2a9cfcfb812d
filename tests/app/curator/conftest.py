"""A database with a few images, and the curator's pages over it, without a browser."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit import empty, session_state
from streamlit.testing.v1 import AppTest

from app import roles
from app import services as shared
from app.curator.context import DatasetContext
from app.roles import Visitor
from app.services import Services
from app.space import ROOT
from blip2core.storage.database import Database
from tests.fakes import FakeGenerator, fake_services

Open = Callable[..., AppTest]


@pytest.fixture
def services(database: Database, monkeypatch: pytest.MonkeyPatch) -> Services:
    """What the pages find, with a fake model; who opens them is their owner, as by hand."""
    monkeypatch.setattr(roles, "_without_header", [Visitor(role="owner")])
    plain = fake_services(FakeGenerator())
    services = Services(
        settings=plain.settings, engine=plain.engine, database=database, jobs=RecordedJobs(database)
    )
    monkeypatch.setattr(shared, "_shared", [services])
    return services


class RecordedJobs:
    """Remembers what it was given, and does nothing."""

    def __init__(self, database: Database) -> None:
        self.added: list[object] = []
        self._root = database.images.root.parent

    def add(self, job: object) -> None:
        self.added.append(job)

    def capfilt(self, *job: object) -> None:
        self.added.append(job)

    def new_folder(self) -> Path:
        folder = self._root / "incoming"
        folder.mkdir()
        return folder


@pytest.fixture
def context(services: Services, database: Database) -> DatasetContext:
    """The context of a page that Ada has open, for tests of what the pages call."""
    return context_of(services, database, "ada")


def context_of(services: Services, database: Database, handle: str) -> DatasetContext:
    """The context of a page that somebody has open."""
    session_state.pop("annotators", None)  # those of another database
    found = DatasetContext(
        services=services,
        database=database,
        jobs=services.jobs,
        visitor=Visitor(role="owner", name=handle),
        dataset_id=1,
        dataset="samples",
        threshold=0.5,
        slot=empty(),
    )
    assert found.annotator_id  # looked up before any transaction, as `build_context` does
    return found


def change_settings(monkeypatch: pytest.MonkeyPatch, services: Services, **changes: object) -> None:
    """The pages find other settings from now on."""
    settings = services.settings.model_copy(update=changes)
    monkeypatch.setattr(shared, "_shared", [replace(services, settings=settings)])


@pytest.fixture
def open_page(services: Services) -> Open:
    """A page of the curator, drawn; AppTest opens the first one, and then the one that is named."""

    def open_page(name: str, **query: str) -> AppTest:
        page = AppTest.from_file(str(ROOT / "app" / "curator" / "main.py"), default_timeout=60)
        page.query_params.update({"who": "ada", "dataset": "samples"} | query)
        page.run()
        if name != "inbox":
            page.switch_page(f"views/{name}.py").run()
        assert not page.exception
        return page

    return open_page
