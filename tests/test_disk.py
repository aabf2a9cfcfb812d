"""What is acknowledged outlives a power cut: with each new file its folders are synced."""

import contextlib
import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from app.login.users import make_owner
from blip2core.disk import sync_file, sync_name
from blip2core.exports.output import new_folder
from blip2core.storage import ImageStore, open_database
from blip2core.storage.backups import back_up
from blip2core.storage.restoring import restore_backup
from blip2core.storage.store_id import adopt_store
from tests.storage.world import fill

SHARD = hashlib.sha256(b"image").hexdigest()[:2]


def _put(folder: Path) -> None:
    ImageStore(folder / "images").put(b"image", format="PNG")


def _export(folder: Path) -> None:
    (folder / "exports").mkdir(exist_ok=True)
    with new_folder(folder / "exports/one") as output:
        output.close_sums()


def _open(folder: Path) -> None:
    open_database(str(folder / "data/studio.db")).close()


def _users(folder: Path) -> None:
    make_owner(folder / "settings/users")


WRITERS: dict[str, tuple[Callable[[Path], None], set[str]]] = {
    "image": (_put, {f"images/{SHARD}", "images", ""}),
    "export": (_export, {"exports/one.partial", "exports", ""}),
    "database": (_open, {"data/images", "data", ""}),
    "users": (_users, {"settings", ""}),
}
"""Name -> what writes, and the folders whose names it must sync."""


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> set[Path]:
    """Folders that were synced; those of files that a folder holds are found by their number."""
    found: set[Path] = set()
    fsync = os.fsync

    def note(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            found.add(Path(os.readlink(f"/proc/self/fd/{handle}")))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", note)
    return found


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
@pytest.mark.parametrize("name", WRITERS)
def test_new_files_are_synced_with_their_folders(
    name: str, tmp_path: Path, synced: set[Path]
) -> None:
    write, folders = WRITERS[name]
    write(tmp_path)
    assert {tmp_path / folder for folder in folders} <= synced


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
def test_an_image_that_was_left_unsynced_is_synced_by_the_next_who_stores_it(
    tmp_path: Path, synced: set[Path]
) -> None:
    _put(tmp_path)
    synced.clear()  # as if it had been killed before
    _put(tmp_path)
    assert {tmp_path / f"images/{SHARD}", tmp_path / "images"} <= synced


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
@pytest.mark.parametrize("again", ["backup", "restored", "store-id"])
def test_what_somebody_left_unsynced_is_synced_with_what_builds_on_it(
    tmp_path: Path, synced: set[Path], again: str
) -> None:
    """As if the first had been killed before that; the second has nothing to write."""
    with closing(open_database(str(tmp_path / "data/studio.db"))) as database:
        fill(database, items=1)
        back_up(database, tmp_path / "backups")
        shard = next((tmp_path / "backups/images").iterdir())
        if again == "backup":
            synced.clear()
            back_up(database, tmp_path / "backups")
            assert {shard, shard.parent} <= synced
        elif again == "restored":
            shutil.copytree(shard.parent, tmp_path / "new/images")
            synced.clear()
            restore_backup(tmp_path / "backups", str(tmp_path / "new/studio.db"))
            assert {tmp_path / "new/images" / shard.name, tmp_path / "new/images"} <= synced
        else:
            synced.clear()
            with database.write() as session:
                adopt_store(session, database.images)
            assert {tmp_path / "data/images", tmp_path / "data"} <= synced


def test_a_file_is_synced_by_its_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, seen = tmp_path / "file", []
    file.write_bytes(b"bytes")
    monkeypatch.setattr(os, "fsync", lambda handle: seen.append(os.fstat(handle).st_ino))
    sync_file(file)
    assert seen == [file.stat().st_ino]
    with pytest.raises(FileNotFoundError):
        sync_file(tmp_path / "another")


def test_folders_that_may_not_be_read_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "open", refuse)
    sync_name(tmp_path / "a")


@pytest.mark.parametrize(("number", "is_raised"), [(errno.EINVAL, False), (errno.EIO, True)])
def test_a_disk_that_fails_is_told_and_one_that_cannot_sync_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, is_raised: bool
) -> None:
    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError) if is_raised else contextlib.nullcontext():
        sync_name(tmp_path / "a")
