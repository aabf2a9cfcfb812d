"""blip2 db takedown and sweep."""

import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from blip2core.cli import main
from blip2core.curation import import_images
from blip2core.storage import open_database
from tests.curation.conftest import web_image

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A database of three images; the last of them was imported twice."""
    file = tmp_path / "studio.db"
    database = open_database(str(file))
    inputs = [web_image(1, "a cat"), web_image(2, "a dog\x1b[31m"), web_image(3)]
    list(import_images(database, dataset="web\x07", inputs=inputs))
    list(import_images(database, dataset="more", inputs=inputs[2:]))
    database.close()
    return file


@pytest.fixture
def call(file: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["db", *arguments, "--url", str(file)])
        return code, *capsys.readouterr()

    return run


def images(file: Path) -> list[Path]:
    return sorted(file.parent.glob("images/??/*"))


def test_takedown_shows_and_then_does(call: Call, file: Path) -> None:
    code, output, errors = call("takedown", "3", "--yes")
    lines = output.splitlines()
    assert (code, errors) == (0, "")
    assert lines[0].startswith("image ") and "is taken down, 2," in lines[0]
    assert lines[1].startswith("item 3 of web (pending): excluded; 0 texts and 0 decisions stay")
    assert lines[2].startswith("item 4 of more")
    assert lines[3].startswith("1 file deleted, 2,")
    assert len(images(file)) == 2
    code, output, _ = call("takedown", "#4")  # nothing to ask any more
    assert code == 0 and "taken down already, 0 bytes" in output


def test_dry_run_only_shows(call: Call, file: Path) -> None:
    code, output, _ = call("takedown", "1", "2", "--dry-run")
    assert code == 0 and len(output.splitlines()) == 4
    code, output, _ = call("takedown", "1", "--dry-run", "--json")
    row = json.loads(output)
    assert (row["dry_run"], row["deleted"], len(row["files"])) == (True, 0, 1)
    assert row["items"][0] == {
        "item_id": 1,
        "dataset": "web",
        "status": "pending",
        "texts": 1,
        "decisions": 0,
    }
    assert len(images(file)) == 3


def test_json_has_one_line(call: Call, file: Path) -> None:
    sha256 = images(file)[0].stem
    code, output, errors = call("takedown", sha256[:12], "--yes", "--json")
    row = json.loads(output)
    assert (code, errors, row["deleted"]) == (0, "", 1)
    assert row["files"][0]["sha256"] == sha256 and row["bytes"] == row["files"][0]["bytes"] > 0


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_takedown_asks(
    call: Call, file: Path, monkeypatch: pytest.MonkeyPatch, as_json: list[str]
) -> None:
    asked: list[str] = []

    def answer(question: str, **_: object) -> None:
        asked.append(question)

    monkeypatch.setattr("typer.confirm", answer)
    code, output, errors = call("takedown", "1", *as_json)
    assert code == 0 and asked == ["Take them down? This cannot be undone."]
    assert "item 1 of web" in (errors if as_json else output)
    assert len(images(file)) == 2


def test_without_an_answer_nothing_happens(
    call: Call, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert call("takedown", "1")[0] == 130
    assert len(images(file)) == 3


@pytest.mark.parametrize("name", ["99", "abc", "-1", "../x", "\x1b[31m", "f" * 64, ""])
def test_a_wrong_name_is_one_line(call: Call, file: Path, name: str) -> None:
    code, output, errors = call("takedown", "--yes", "1", "--", name)
    assert (code, output) == (2, "")
    assert len(errors.splitlines()) == 1 and "\x1b" not in errors
    assert len(images(file)) == 3


def test_no_name_is_one_line(call: Call) -> None:
    code, _, errors = call("takedown")
    assert code == 2 and len(errors.splitlines()) == 1


def test_sweep_deletes_what_no_row_refers_to(call: Call, file: Path) -> None:
    orphan = file.parent / "images" / "ab" / f"{'ab' * 32}.png"
    orphan.parent.mkdir(exist_ok=True)
    orphan.write_bytes(b"12345")
    assert json.loads(call("sweep", "--json")[1])["files"] == 0  # too young
    os.utime(orphan, (1, 1))
    for kept in images(file):
        os.utime(kept, (1, 1))
    row = json.loads(call("sweep", "--dry-run", "--json")[1])
    assert (row["files"], row["bytes"], row["deleted"]) == (1, 5, 0)
    assert orphan.exists()
    code, output, _ = call("sweep", "--yes")
    assert (code, output) == (0, "1 file deleted.\n")
    assert not orphan.exists() and len(images(file)) == 3


def test_sweep_asks(call: Call, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    orphan = file.parent / "images" / "ab" / "half.partial"
    orphan.parent.mkdir(exist_ok=True)
    orphan.touch()
    os.utime(orphan, (1, 1))
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert call("sweep")[0] == 130
    assert orphan.exists()


def test_sweep_finishes_a_killed_takedown(
    call: Call, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("blip2core.storage.takedown.finish_takedowns", lambda database: 0)
        assert call("takedown", "1", "--yes")[0] == 0
    assert len(images(file)) == 3
    assert call("sweep")[1] == "1 file deleted.\n"
    assert len(images(file)) == 2
