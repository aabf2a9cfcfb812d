"""blip2 db: backup into a folder, verify, restore, copy."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from blip2core.cli import main
from blip2core.storage import Database, open_database
from tests.storage.world import fill

FULL = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
from blip2core.cli import main
sys.exit(main(sys.argv[2:]))
"""
"""Runs a command that can write no file larger than some bytes."""


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Database]:
    """A studio that is open; a backup is made all the same."""
    opened = open_database(str(tmp_path / "studio" / "studio.db"))
    fill(opened, items=3)
    yield opened
    opened.close()


class Commands:
    """Runs `blip2 db` and reads what it prints."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def row(self, *arguments: str | Path, code: int = 0) -> dict[str, Any]:
        assert main(["db", *map(str, arguments), "--json"]) == code
        read = self._capsys.readouterr()
        assert read.err == ""
        found: dict[str, Any] = json.loads(read.out)
        return found

    def lines(self, *arguments: str | Path, code: int = 0) -> tuple[str, list[str]]:
        """What is printed, and the lines of errors."""
        assert main(["db", *map(str, arguments)]) == code
        read = self._capsys.readouterr()
        return read.out, read.err.splitlines()


@pytest.fixture
def db(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.delenv("BLIP2_DATA", raising=False)
    monkeypatch.delenv("BLIP2_DATABASE_URL", raising=False)
    return Commands(capsys)


def url_of(studio: Database) -> str:
    return str(studio.url.database)


def test_from_a_backup_to_another_studio(studio: Database, db: Commands, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    first = db.row("backup", folder, "--url", url_of(studio))
    assert (first["copied"], first["manifest"]["images"]) == (3, 3)
    told, errors = db.lines("backup", folder, "--url", url_of(studio))
    assert "33 rows, 3 images, 0 copied (0 bytes)." in told and errors == []
    told, errors = db.lines("verify", folder)
    assert told.endswith(": 33 rows, 3 images, 0 problems.\n") and errors == []
    new = tmp_path / "new" / "studio.db"
    row = db.row("restore", first["backup"], "--url", str(new))
    assert (row["rows"], row["images"], row["database"]) == (33, 3, str(new))
    assert db.lines("check", "--url", str(new))[0] == "33 rows, 3 images, 0 problems.\n"
    _, (error,) = db.lines("restore", folder, "--url", str(new), code=2)
    assert f"{new} exists already, and nothing is overwritten" in error


def test_the_form_of_version_01(studio: Database, db: Commands, tmp_path: Path) -> None:
    """A name with an ending is one SQLite file, and one of a folder a backup folder."""
    file = tmp_path / "copy.db"
    row = db.row("backup", file, "--url", url_of(studio))
    assert row["file"] == str(file) and file.is_file() and row["rows"]["items"] == 3
    for name in ("backups.d", "studio.example.org", "of.db"):
        folder = tmp_path / name
        if name == "of.db":
            folder.mkdir()
        db.row("backup", folder, "--url", url_of(studio))
        assert (folder / "images").is_dir()
    _, (error,) = db.lines("restore", file, "--url", str(tmp_path / "x.db"), code=2)
    assert "blip2 db copy --url copy.db TARGET" in error
    assert not (tmp_path / "x.db").exists()


def test_each_problem_is_a_line_and_exit_code_2(
    studio: Database, db: Commands, tmp_path: Path
) -> None:
    folder = tmp_path / "backups"
    db.row("backup", folder, "--url", url_of(studio))
    gone, altered, _ = sorted(path for path in (folder / "images").rglob("*") if path.is_file())
    gone.unlink()
    altered.write_bytes(altered.read_bytes()[::-1])
    told, errors = db.lines("verify", folder, code=2)
    assert told.endswith("3 images, 2 problems.\n")
    assert {f"blip2: the image {gone} is missing"} < set(errors) and len(errors) == 2
    assert len(db.row("verify", folder, code=2)["problems"]) == 2
    told, errors = db.lines("restore", folder, "--url", str(tmp_path / "n" / "s.db"), code=2)
    assert "33 rows, 1 image from" in told and len(errors) == 2
    lost = next(path for path in studio.images.root.rglob("*.png"))
    lost.unlink()
    told, errors = db.lines("backup", tmp_path / "other", "--url", url_of(studio), code=2)
    assert "3 images, 2 copied" in told and str(lost) in errors[0]


def test_lost_images_come_back(studio: Database, db: Commands, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    db.row("backup", folder, "--url", url_of(studio))
    lost = next(path for path in studio.images.root.rglob("*.png"))
    data = lost.read_bytes()
    lost.write_bytes(data[::-1])
    told, _ = db.lines("restore", folder, "--images", "--url", url_of(studio))
    assert told.startswith(f"{studio.images.root}: 1 image from")
    assert lost.read_bytes() == data
    assert db.lines("check", "--url", url_of(studio))[0] == "33 rows, 3 images, 0 problems.\n"


def test_a_copy_is_proven_table_by_table(studio: Database, db: Commands, tmp_path: Path) -> None:
    target = tmp_path / "copy" / "studio.db"
    _, (error,) = db.lines("copy", target, "--url", url_of(studio), code=2)
    assert "Another process owns" in error
    studio.close()
    told, errors = db.lines("copy", target, "--url", url_of(studio))
    *tables, last = told.splitlines()
    assert errors == [] and len(tables) == 22
    scores = next(line for line in tables if line.startswith("scores\t"))
    assert scores.split("\t")[1] == "12" and len(scores.split("\t")[2]) == 64
    assert (
        last == f"{target}: 33 rows, the same in both; 3 images copied to {target.parent}/images."
    )
    row = db.row("copy", tmp_path / "again" / "studio.db", "--url", str(target))
    assert [
        f"{name}\t{one['rows']}\t{one['sha256']}" for name, one in row["tables"].items()
    ] == tables
    _, (error,) = db.lines("copy", target, "--url", url_of(studio), code=2)
    assert "nothing is overwritten" in error


@pytest.mark.skipif(os.name != "posix", reason="no limit on the size of files")
@pytest.mark.parametrize("limit", [5, 1_000, 40_000])
def test_a_full_disk_leaves_earlier_backups_and_names_the_place(
    studio: Database, db: Commands, tmp_path: Path, limit: int
) -> None:
    folder = tmp_path / "backups"
    first = db.row("backup", folder, "--url", url_of(studio))["backup"]
    call = ["db", "backup", str(folder), "--url", url_of(studio)]
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(limit), *call], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1 and str(folder) in done.stderr
    assert db.row("verify", folder)["backup"] == first
    assert list(folder.glob("*.partial")) == []
