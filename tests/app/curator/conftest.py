"""A database with a few images, and the curator's pages over it, without a browser."""

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app import services as shared
from app.services import Services
from app.space import ROOT
from blip2core.storage.database import Database
from tests.fakes import FakeGenerator, fake_services

Open = Callable[..., AppTest]


@pytest.fixture
def services(database: Database, monkeypatch: pytest.MonkeyPatch) -> Services:
    """What the pages find, with a fake model."""
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
def open_page(services: Services) -> Open:
    """A page of the curator, drawn; AppTest opens the first one, and then the one that is named."""

    def open_page(name: str, **query: str) -> AppTest:
        page = AppTest.from_file(str(ROOT / "app" / "curator" / "main.py"), default_timeout=60)
        page.query_params.update({"who": "ada", "dataset": "shelf"} | query)
        page.run()
        if name != "inbox":
            page.switch_page(f"views/{name}.py").run()
        assert not page.exception
        return page

    return open_page
