"""Commands on a database of their own, with the tiny captioner and filter in place of models."""

import json
from pathlib import Path
from typing import Any

import pytest

from blip2core import cli
from blip2core.models import loading
from tests.capfilt.conftest import tiny_pair
from tests.curation.conftest import web_image


class Shell:
    """Runs commands of the curator and reads what they print."""

    def __init__(self, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.file, self.capsys = file, capsys

    def code(self, *arguments: str | int | Path) -> int:
        self.capsys.readouterr()
        return cli.main([*map(str, arguments), "--database", str(self.file)])

    def rows(self, *arguments: str | int | Path) -> list[dict[str, Any]]:
        assert self.code(*arguments, "--json") == 0, self.capsys.readouterr().err
        return [json.loads(line) for line in self.capsys.readouterr().out.splitlines()]

    def lines(self, *arguments: str | int | Path) -> list[str]:
        assert self.code(*arguments) == 0, self.capsys.readouterr().err
        return self.capsys.readouterr().out.splitlines()

    def error(self, *arguments: str | int | Path) -> str:
        assert self.code(*arguments) == 2
        return self.capsys.readouterr().err


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(tmp_path / "studio.db", capsys)


@pytest.fixture(scope="session")
def pair() -> tuple[Any, Any]:
    return tiny_pair()


@pytest.fixture
def loaded(pair: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the models that were loaded."""
    asked: list[str] = []

    def load(name: str, model: Any) -> Any:
        asked.append(name)
        return model

    monkeypatch.setattr(loading, "load_generator", lambda name, **_: load(name, pair[0]))
    monkeypatch.setattr(loading, "load_matcher", lambda name, **_: load(name, pair[1]))
    return asked


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two images with texts beside them, one without, and a file that is no image."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.png").write_bytes(web_image(number).data)
    (folder / "0.txt").write_text("a cat")
    (folder / "1.txt").write_text("=cmd() <script>\x1b[31m")
    (folder / "broken.png").write_bytes(b"<svg onload=alert(1)>")
    return folder
