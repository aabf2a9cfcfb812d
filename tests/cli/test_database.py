"""blip2 db: upgrade, backup to one file, check."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from blip2core.cli import main
from blip2core.storage import Database, open_database
from tests.storage.world import fill


@pytest.fixture
def sqlite_database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(str(tmp_path / "studio.db"))
    yield opened
    opened.close()


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["db", *arguments])
    return code, *capsys.readouterr()


def test_upgrade_makes_a_database(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "new" / "studio.db"
    code, output, _ = call(capsys, "upgrade", "--url", str(file))
    assert code == 0
    assert "up to date" in output
    assert file.is_file()
    assert call(capsys, "check", "--url", str(file))[0] == 0


def test_the_environment_names_the_database(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLIP2_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("BLIP2_DATABASE_URL", raising=False)
    assert call(capsys, "upgrade")[0] == 0
    assert (tmp_path / "data" / "studio.db").is_file()


def test_backup_of_a_database_in_use(
    sqlite_database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(sqlite_database, items=3)
    url, target = str(sqlite_database.url.database), tmp_path / "copy.db"
    code, output, _ = call(capsys, "backup", str(target), "--url", url, "--json")
    assert code == 0
    assert json.loads(output)["rows"]["items"] == 3
    copy = open_database(str(target))
    with copy.read() as session, sqlite_database.read() as original:
        tables = "SELECT group_concat(text) FROM captions"
        assert session.connection().exec_driver_sql(tables).all() == (
            original.connection().exec_driver_sql(tables).all()
        )
    copy.close()
    code, _, errors = call(capsys, "backup", str(target), "--url", url)
    assert code == 2
    assert "exists already" in errors


def test_check_finds_verdicts_that_are_not_in_the_log(
    sqlite_database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(sqlite_database, items=1)
    file = str(sqlite_database.url.database)
    sqlite_database.close()
    with sqlite3.connect(file) as connection:
        connection.execute("INSERT INTO verdicts VALUES (1, 1, 1, 'accept', 77)")
    connection.close()
    code, output, errors = call(capsys, "check", "--url", file)
    assert code == 2
    assert "refers to no row of decisions" in errors
    assert "1 problem." in output


def test_check_finds_missing_and_altered_images(
    sqlite_database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(sqlite_database, items=3)
    file, root = str(sqlite_database.url.database), sqlite_database.images.root
    assert call(capsys, "check", "--url", file)[:2] == (0, "33 rows, 3 images, 0 problems.\n")
    gone, altered, _ = sorted(root.glob("??/*"))
    gone.unlink()
    altered.write_bytes(altered.read_bytes()[::-1])
    code, output, errors = call(capsys, "check", "--url", file)
    assert (code, output) == (2, "33 rows, 3 images, 2 problems.\n")
    assert f"blip2: the image {gone} is missing\n" in errors
    assert f"blip2: the image {altered} was altered" in errors
    code, output, errors = call(capsys, "check", "--quick", "--url", file)
    assert (code, output) == (2, "33 rows, 3 images, 1 problem.\n") and str(altered) not in errors
    code, output, errors = call(capsys, "check", "--json", "--url", file)
    row = json.loads(output)
    assert (code, errors, row["images"], len(row["problems"])) == (2, "", 3, 2)
    root.rename(root.with_name("elsewhere"))
    code, output, errors = call(capsys, "check", "--url", file)
    assert code == 2 and f"the folder of the images, {root}, is not there: 3 are missing" in errors


@pytest.mark.parametrize("command", [["check"], ["backup", "copy.db"], ["backup", "backups"]])
def test_reading_makes_no_database(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    code, _, errors = call(capsys, *command, "--url", str(tmp_path / "none.db"))
    assert code == 2
    assert "blip2 db upgrade" in errors
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_adopted_as_the_image_store(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = str(tmp_path / "studio.db")
    monkeypatch.setenv("BLIP2_DATA", str(tmp_path / "lost"))
    database = open_database(url)
    fill(database, items=1)
    database.close()
    monkeypatch.setenv("BLIP2_DATA", str(tmp_path / "new"))
    code, _, errors = call(capsys, "upgrade", "--url", url)
    assert code == 2
    assert f"{tmp_path / 'lost' / 'images'} on " in errors and "blip2 db adopt" in errors
    code, output, _ = call(capsys, "adopt", "--url", url)
    assert (code, output.split(" is ")[0]) == (0, str(tmp_path / "new" / "images"))
    assert call(capsys, "upgrade", "--url", url)[0] == 0
