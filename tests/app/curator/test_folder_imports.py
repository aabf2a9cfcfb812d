"""BLIP2_IMPORT_ROOT: which folders of the machine a person may import."""

from dataclasses import replace
from pathlib import Path

import pytest

from app import services as shared
from app.services import Services
from app.settings import AppSettings
from tests.app.curator.conftest import Open


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("inside/missing", "no such folder"),
        ("inside/../outside", "may not be read"),
        ("outside", "may not be read"),
        ("inside/link", "may not be read"),
    ],
)
def test_only_folders_below_the_root_are_imported(
    folder: str,
    message: str,
    services: Services,
    open_page: Open,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "inside").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "inside" / "link").symlink_to(tmp_path / "outside")
    settings = AppSettings(import_root=tmp_path / "inside", users=tmp_path / "users")
    monkeypatch.setattr(shared, "_shared", [replace(services, settings=settings)])
    page = open_page("inbox")
    page.text_input("into").set_value("mine").run()
    page.text_input("path-0").set_value(str(tmp_path / folder)).run()
    next(b for b in page.button if b.label == "Import").click().run()
    assert message in page.info[0].value
    assert services.jobs.added == []
