"""Backups share their images, are whole or not there, and are made while the studio works."""

import multiprocessing
import os
import shutil
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from blip2core.errors import StorageError
from blip2core.storage import Database, backups, open_database
from blip2core.storage.backup_check import verify_backup
from blip2core.storage.backup_folder import DATABASE_NAME, find_backup, list_backups, read_manifest
from blip2core.storage.backups import back_up
from blip2core.storage.items import add_item
from blip2core.storage.takedown import plan_takedown, take_down
from tests.storage.deciding import ITEMS, decide
from tests.storage.full_studio import fill_every_table
from tests.storage.killed_backup import killed_backup
from tests.storage.test_kill import kill, wait_for
from tests.storage.world import facts, fill, found, image_bytes

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.storage.deciding", "tests.storage.killed_backup"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "backups"


def image_files(folder: Path) -> list[str]:
    return sorted(file.name for file in (folder / "images").rglob("*") if file.is_file())


def add_image(database: Database, number: int) -> str:
    """Import image `number` into the first dataset -> its hash."""
    database.images.put(image_bytes(number), format="PNG")
    with database.write() as session:
        add_item(session, dataset_id=1, run_id=1, image=facts(number), web=found(number, "a bird"))
    return facts(number).sha256


def test_a_second_backup_copies_only_what_is_new(database: Database, folder: Path) -> None:
    fill(database, items=3)
    first = back_up(database, folder)
    assert (first.copied, first.manifest.images, first.problems) == (3, 3, ())
    again = back_up(database, folder)
    assert (again.copied, again.copied_bytes, again.manifest.images) == (0, 0, 3)
    add_image(database, 7)
    third = back_up(database, folder)
    assert (third.copied, third.copied_bytes) == (1, len(image_bytes(7)))
    assert list_backups(folder) == [first.backup, again.backup, third.backup]
    assert len(image_files(folder)) == 4
    for one, images in ((first, 3), (again, 3), (third, 4)):
        found_in = verify_backup(one.backup)
        assert (found_in.images, found_in.problems) == (images, ())
    assert find_backup(folder) == third.backup
    assert third.manifest.source == database.engine.dialect.name


def test_a_backup_holds_every_table(database: Database, folder: Path) -> None:
    fill_every_table(database)
    made = back_up(database, folder)
    assert read_manifest(made.backup) == made.manifest
    assert min(made.manifest.rows.values()) > 0
    assert verify_backup(folder).problems == ()


def test_people_decide_while_a_backup_is_made(
    database: Database, folder: Path, tmp_path: Path
) -> None:
    world = fill(database, items=ITEMS)
    acks = tmp_path / "acks"
    url = database.url.render_as_string(hide_password=False)
    writer = PROCESSES.Process(target=decide, args=(url, str(acks), [world.ann, world.bob], 1))
    writer.start()
    try:
        wait_for([acks])
        stored_before = len(acks.read_text().splitlines())
        back_up(database, folder)
        back_up(database, folder)
        after = len(acks.read_text().splitlines())
    finally:
        kill(writer)
    assert after > stored_before, "nobody was kept waiting until the end"
    for one in list_backups(folder):
        assert verify_backup(one).problems == ()
    assert read_manifest(list_backups(folder)[0]).rows["decisions"] > 0


def test_a_backup_killed_at_any_step_costs_nothing(database: Database, folder: Path) -> None:
    fill(database, items=1)
    first = back_up(database, folder)
    sha256 = add_image(database, 7)
    url, data = database.url.render_as_string(hide_password=False), database.images.root.parent
    kept, killed = {first.backup}, 0
    for step in range(1, 60):
        shutil.rmtree(folder / "images" / sha256[:2], ignore_errors=True)  # it is new each time
        call = (url, str(data), str(folder), step)
        process = PROCESSES.Process(target=killed_backup, args=call)
        process.start()
        process.join(60)
        assert verify_backup(first.backup).problems == ()
        assert kept <= set(list_backups(folder))
        kept = set(list_backups(folder))
        if process.exitcode == 0:
            break
        killed += 1
        assert process.exitcode == -signal.SIGKILL
    assert killed > 5
    for one in kept:
        assert verify_backup(one).problems == ()
    assert list(folder.rglob("*.partial")) == []  # what was killed was removed by the next
    assert len(image_files(folder)) == 2


def test_what_a_killed_backup_left_is_named_and_removed(database: Database, folder: Path) -> None:
    fill(database, items=1)
    half = folder / "2026-01-01T00-00-00Z.partial"
    half.mkdir(parents=True)
    (half / DATABASE_NAME).write_bytes(b"half")
    mine = folder / "my own.partial"
    mine.mkdir()
    image = folder / "images" / "ab" / "tmp1.partial"
    image.parent.mkdir(parents=True)
    image.write_bytes(b"half")
    back_up(database, folder)
    assert not half.exists() and not image.exists() and mine.exists()


def test_a_backup_that_fails_leaves_the_others(
    database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database, items=1)
    first = back_up(database, folder)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(StorageError, match=f"{folder} .*No space left.*free some space"):
            back_up(database, folder)
    assert list_backups(folder) == [first.backup]
    assert [path.name for path in folder.iterdir() if path.suffix == ".partial"] == []
    assert verify_backup(folder).problems == ()


def test_images_that_the_studio_lost_are_told_and_the_rest_is_saved(
    database: Database, folder: Path
) -> None:
    fill(database, items=3)
    gone, bad, fine = (facts(number).sha256 for number in range(3))
    database.images.path(gone, format="PNG").unlink()
    database.images.path(bad, format="PNG").write_bytes(image_bytes(9))
    made = back_up(database, folder)
    assert made.manifest.missing == (gone, bad) and made.copied == 1
    assert [one for one in made.problems if "not in the backup" in one] == list(made.problems)
    assert image_files(folder) == [f"{fine}.png"]
    assert len(verify_backup(folder).problems) == 2
    database.images.put(image_bytes(0), format="PNG")
    database.images.put(image_bytes(1), format="PNG")
    assert back_up(database, folder).problems == ()


def test_an_image_taken_down_meanwhile_is_no_problem(
    database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database, items=3)
    real, calls = backups.copy_image, []

    def taken_down(source: object, image: object, store: object, **said: str) -> str:
        calls.append(image.sha256)
        if len(calls) == 2:
            take_down(database, plan_takedown(database, [image.sha256]))
        return real(source, image, store, **said)

    monkeypatch.setattr(backups, "copy_image", taken_down)
    made = back_up(database, folder)
    assert (made.manifest.images, made.manifest.missing, made.problems) == (2, (), ())
    assert verify_backup(folder).problems == ()


def test_verify_tells_what_is_wrong(database: Database, folder: Path) -> None:
    fill(database, items=3)
    made = back_up(database, folder)
    files = [folder / "images" / name[:2] / name for name in image_files(folder)]
    files[0].unlink()
    files[1].write_bytes(files[1].read_bytes()[::-1])
    files[2].write_bytes(b"short")
    problems = verify_backup(made.backup).problems
    said = sorted(one.split(str(folder))[1].split(" ", 1)[1] for one in problems)
    assert said == [
        "has 5 bytes instead of 7",
        "is missing",
        "was altered: its bytes have another hash",
    ]
    shutil.rmtree(folder / "images")
    (problem,) = verify_backup(made.backup).problems
    assert problem == f"the folder of the images, {folder / 'images'}, is not there: 3 are missing"
    file = made.backup / DATABASE_NAME
    data = bytearray(file.read_bytes())
    data[-100] ^= 1
    file.write_bytes(data)
    (problem,) = verify_backup(made.backup).problems
    assert problem.startswith(f"{file} was altered")
    file.unlink()
    (problem,) = verify_backup(made.backup).problems
    assert "cannot be read (No such file" in problem


def test_a_manifest_that_does_not_fit_is_told(sqlite_database: Database, folder: Path) -> None:
    fill(sqlite_database, items=1)
    made = back_up(sqlite_database, folder)
    manifest = made.backup / "backup.json"
    whole = manifest.read_text()
    manifest.write_text(whole.replace('"images": 1', '"images": 2'))
    (problem,) = verify_backup(folder).problems
    assert "other numbers of rows or images" in problem
    for broken in (whole[:50], "[]", "{}", '{"backup": 1}', whole.replace("made", "x"), "\xff"):
        manifest.write_text(broken)
        with pytest.raises(StorageError, match="cannot be read"):
            verify_backup(folder)
    manifest.write_text(whole.replace('"backup": 1', '"backup": 2'))
    with pytest.raises(StorageError, match="newer version"):
        verify_backup(folder)


def test_reading_a_backup_changes_nothing(sqlite_database: Database, folder: Path) -> None:
    """It may lie on a disk that is read-only."""
    fill(sqlite_database, items=1)
    back_up(sqlite_database, folder)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    verify_backup(folder)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_two_backups_at_once_are_one_too_many(database: Database, folder: Path) -> None:
    fill(database, items=1)
    folder.mkdir()
    with backups._locked(folder), pytest.raises(StorageError, match="Another backup"):
        back_up(database, folder)
    assert back_up(database, folder).problems == ()


def test_places_that_are_no_place_for_backups(sqlite_database: Database, tmp_path: Path) -> None:
    fill(sqlite_database, items=1)
    root = sqlite_database.images.root
    for folder in (root.parent, root, root / "ab"):
        with pytest.raises(StorageError, match="the studio's own images"):
            back_up(sqlite_database, folder)
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="could not be written"):
        back_up(sqlite_database, tmp_path / "file")
    with pytest.raises(StorageError, match="There is no backup in"):
        find_backup(tmp_path / "none")
    with pytest.raises(StorageError, match="one file, a database without images"):
        find_backup(tmp_path / "file")


def test_a_studio_without_its_images_is_not_backed_up_as_if_it_had_none(
    database: Database, folder: Path, tmp_path: Path
) -> None:
    fill(database, items=1)
    url = database.url.render_as_string(hide_password=False)
    elsewhere = open_database(url, data=tmp_path / "elsewhere", owner=False)
    with pytest.raises(StorageError, match="set BLIP2_DATA"):
        back_up(elsewhere, folder)
    elsewhere.close()
    assert not folder.exists()


def test_a_damaged_database_is_not_backed_up(sqlite_database: Database, folder: Path) -> None:
    fill(sqlite_database, items=1)
    with closing(sqlite3.connect(str(sqlite_database.url.database))) as connection, connection:
        connection.execute("INSERT INTO verdicts VALUES (1, 1, 1, 'accept', 77)")
    with pytest.raises(StorageError, match="The copy is not sound"):
        back_up(sqlite_database, folder)
    assert list_backups(folder) == []
