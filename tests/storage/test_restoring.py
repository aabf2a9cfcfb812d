"""A backup comes back into an empty place, whole; nothing that is there is overwritten."""

import json
import multiprocessing
import shutil
import signal
import zipfile
from pathlib import Path

import pytest
from sqlalchemy import text

from blip2core.errors import StorageError
from blip2core.storage import Database, ImageStore, open_database
from blip2core.storage.backup_folder import MANIFEST_NAME, file_sha256, find_backup
from blip2core.storage.backups import back_up
from blip2core.storage.maintenance import check
from blip2core.storage.missing_images import check_images
from blip2core.storage.restoring import restore_backup, restore_images
from blip2core.storage.review import QueueFilter, review_queue
from blip2core.storage.table_copy import table_sums
from tests.storage.conftest import new_postgres_url
from tests.storage.full_studio import fill_every_table
from tests.storage.killed_backup import killed_restore
from tests.storage.world import facts, fill, image_bytes

PROCESSES = multiprocessing.get_context("forkserver")
OLD = Path(__file__).parents[1] / "v0_1" / "studio.zip"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "backups"


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database that is not there yet, or has no tables."""
    if request.param == "sqlite":
        return str(tmp_path / "new" / "studio.db")
    return new_postgres_url(request.getfixturevalue("postgres_cluster"))


def image_path(store: ImageStore, number: int) -> Path:
    return store.path(facts(number).sha256, format="PNG")


def test_all_comes_back(database: Database, folder: Path, empty_place: str, tmp_path: Path) -> None:
    fill_every_table(database)
    with database.engine.connect() as connection:
        before = table_sums(connection)
    back_up(database, folder)
    restored = restore_backup(folder, empty_place, data=tmp_path / "new")
    assert (restored.images, restored.problems) == (6, ())
    assert restored.rows == sum(one.rows for one in before.values())
    again = open_database(empty_place, data=tmp_path / "new")
    with again.engine.connect() as connection:
        assert table_sums(connection) == before
    assert check(again.engine).problems == check_images(again.engine, again.images).problems == ()
    with again.read() as session:
        found = review_queue(session, dataset_id=1, where=QueueFilter(statuses=(), search="drawn"))
    assert len(found.entries) == 6
    again.close()
    assert [path.name for path in (tmp_path / "new").glob("*.partial")] == []


def test_what_is_there_is_not_overwritten(
    database: Database, folder: Path, empty_place: str, tmp_path: Path
) -> None:
    fill(database, items=2)
    back_up(database, folder)
    store = ImageStore(tmp_path / "new" / "images")
    store.put(image_bytes(0), format="PNG")
    path = image_path(store, 1)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"mine")
    with pytest.raises(StorageError, match=f"{path} is there already with other bytes"):
        restore_backup(folder, empty_place, data=tmp_path / "new")
    assert path.read_bytes() == b"mine"
    assert not (tmp_path / "new" / "studio.db").exists()
    path.unlink()
    assert restore_backup(folder, empty_place, data=tmp_path / "new").images == 1
    with pytest.raises(StorageError, match=r"exists already|rows in the table \w+ of that"):
        restore_backup(folder, empty_place, data=tmp_path / "new")


def test_an_empty_file_is_a_file(sqlite_database: Database, folder: Path, tmp_path: Path) -> None:
    fill(sqlite_database, items=1)
    back_up(sqlite_database, folder)
    (tmp_path / "mine.db").write_text("")
    with pytest.raises(StorageError, match="exists already"):
        restore_backup(folder, str(tmp_path / "mine.db"))
    assert (tmp_path / "mine.db").read_text() == ""


def test_a_studio_at_work_is_not_restored_over(sqlite_database: Database, folder: Path) -> None:
    fill(sqlite_database, items=1)
    back_up(sqlite_database, folder)
    file = str(sqlite_database.url.database)
    with pytest.raises(StorageError, match="Another process owns"):
        restore_backup(folder, file)


def test_a_restore_killed_at_any_step_is_done_again(
    sqlite_database: Database, folder: Path, tmp_path: Path
) -> None:
    fill(sqlite_database, items=3)
    back_up(sqlite_database, folder)
    file = tmp_path / "new" / "studio.db"
    killed = 0
    for step in range(1, 60):
        shutil.rmtree(tmp_path / "new", ignore_errors=True)
        call = (str(folder), str(file), str(tmp_path / "new"), step)
        process = PROCESSES.Process(target=killed_restore, args=call)
        process.start()
        process.join(60)
        if not file.exists():
            restore_backup(folder, str(file))
        again = open_database(str(file))
        assert check(again.engine).problems == ()
        assert check_images(again.engine, again.images).problems == ()
        again.close()
        if process.exitcode == 0:
            break
        killed += 1
        assert process.exitcode == -signal.SIGKILL
    assert killed > 5


def test_damaged_images_of_a_backup_are_told_and_not_restored(
    database: Database, folder: Path, empty_place: str, tmp_path: Path
) -> None:
    fill(database, items=3)
    backup = back_up(database, folder).backup
    saved = ImageStore(folder / "images")
    image_path(saved, 0).unlink()
    image_path(saved, 1).write_bytes(b"image X")
    restored = restore_backup(backup, empty_place, data=tmp_path / "new")
    assert restored.images == 1 and len(restored.problems) == 2
    store = ImageStore(tmp_path / "new" / "images")
    assert [image_path(store, number).exists() for number in range(3)] == [False, False, True]


def test_an_altered_database_is_not_restored(
    sqlite_database: Database, folder: Path, tmp_path: Path
) -> None:
    fill(sqlite_database, items=1)
    file = back_up(sqlite_database, folder).backup / "studio.db"
    data = bytearray(file.read_bytes())
    data[-100] ^= 1
    file.write_bytes(data)
    with pytest.raises(StorageError, match="altered since it was made"):
        restore_backup(folder, str(tmp_path / "new" / "studio.db"))
    assert not (tmp_path / "new").exists()


def test_what_postgresql_cannot_hold_is_told_before_an_image_is_restored(
    sqlite_database: Database, folder: Path, postgres_cluster: str, tmp_path: Path
) -> None:
    fill(sqlite_database, items=1)
    with sqlite_database.write() as session:
        session.execute(text("UPDATE sources SET name = char(0)"))
    back_up(sqlite_database, folder)
    with pytest.raises(StorageError, match="Row 1 of the table sources does not fit into Postgre"):
        restore_backup(folder, new_postgres_url(postgres_cluster), data=tmp_path / "new")
    assert not (tmp_path / "new").exists()
    assert restore_backup(folder, str(tmp_path / "new" / "studio.db")).problems == ()


def test_only_the_images_that_were_lost_come_back(database: Database, folder: Path) -> None:
    fill(database, items=4)
    back_up(database, folder)
    paths = [image_path(database.images, number) for number in range(4)]
    paths[0].unlink()
    paths[1].write_bytes(b"image X")  # of the same size
    paths[2].write_bytes(b"")
    image_path(ImageStore(folder / "images"), 2).unlink()
    restored = restore_images(database, folder)
    assert restored.images == 2 and len(restored.problems) == 1
    assert [path.read_bytes() for path in paths] == [b"image 0", b"image 1", b"", b"image 3"]


def backup_of_version_01(folder: Path) -> Path:
    """A backup whose tables are those of 0.1."""
    made = folder / "2026-01-01T00-00-00Z"
    made.mkdir(parents=True)
    with zipfile.ZipFile(OLD) as archive:
        archive.extractall(folder / "old")
    shutil.move(folder / "old" / "studio.db", made / "studio.db")
    shutil.move(folder / "old" / "images", folder / "images")
    manifest = {
        "backup": 1,
        "made": "2026-01-01T00:00:00+00:00",
        "source": "sqlite",
        "revision": "0002",
        "database_sha256": file_sha256(made / "studio.db"),
        "rows": {},
        "images": 0,
        "image_bytes": 0,
        "missing": [],
    }
    (made / MANIFEST_NAME).write_text(json.dumps(manifest))
    return made


def test_a_backup_of_an_older_version_is_brought_up_to_date(
    folder: Path, empty_place: str, tmp_path: Path
) -> None:
    backup = backup_of_version_01(folder)
    before = file_sha256(backup / "studio.db")
    assert find_backup(folder) == backup
    assert restore_backup(folder, empty_place, data=tmp_path / "new").problems == ()
    again = open_database(empty_place, data=tmp_path / "new", owner=False)
    assert check(again.engine).problems == check_images(again.engine, again.images).problems == ()
    again.close()
    assert file_sha256(backup / "studio.db") == before
