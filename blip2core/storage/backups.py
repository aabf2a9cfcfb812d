"""Make backups of a studio while it works: its tables, and the images that are new."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy import Engine

from blip2core.disk import sync_file, sync_folder
from blip2core.errors import StorageError, way_out
from blip2core.storage.backup_folder import (
    BACKUP_NAME,
    DATABASE_NAME,
    FORMAT,
    IMAGES_NAME,
    LOCK_NAME,
    MANIFEST_NAME,
    Manifest,
    file_sha256,
)
from blip2core.storage.database import Database
from blip2core.storage.engine import connect_read_only
from blip2core.storage.image_copy import copy_image
from blip2core.storage.images import PARTIAL, ImageStore
from blip2core.storage.maintenance import copy_database
from blip2core.storage.missing_images import is_wanted, refuse_missing_folder, shown_progress

TRIES = 5
"""How often the tables are copied anew because an image was taken down meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeBackup:
    """A backup that was just made."""

    backup: Path
    manifest: Manifest
    copied: int
    """Images that were not in the backup folder before."""
    copied_bytes: int
    problems: tuple[str, ...]
    """A sentence for each image that is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Copied:
    images: int = 0
    image_bytes: int = 0
    new: int = 0
    new_bytes: int = 0
    missing: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def back_up(database: Database, folder: Path) -> MadeBackup:
    """Add a backup to a backup folder, which is made where there is none.

    Works while the studio does. Images that the folder has are not copied again. What the studio
    has lost of its images is told as problems; the backup has all the rest. Raises StorageError
    where no image is there, or nothing could be written; earlier backups stay as they were.
    """
    store = ImageStore(folder / IMAGES_NAME)
    _refuse_own_folder(database, folder)
    refuse_missing_folder(database.engine, database.images)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _locked(folder):
            _remove_unfinished(folder)
            target = _new_name(folder)
            partial = target.with_name(f"{target.name}{PARTIAL}")
            try:
                made = _write(database, store, partial, target)
            except BaseException:
                shutil.rmtree(partial, ignore_errors=True)
                raise
            sync_folder(folder)
            sync_folder(folder.parent)  # where the folder itself may be new
    except OSError as error:
        said = f"{error.strerror or error}{way_out(error)}"
        raise StorageError(f"The backup in {folder} could not be written: {said}.") from error
    return made


def _write(database: Database, store: ImageStore, partial: Path, target: Path) -> MadeBackup:
    """Write a backup as `partial`, and name it `target` once all of it is on disk."""
    for _ in range(TRIES):
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o700)
        made = datetime.now(UTC)
        file = partial / DATABASE_NAME
        health = copy_database(database.url, file)
        copy = connect_read_only(file)
        try:
            copied = _copy_images(database, copy, store)
        finally:
            copy.dispose()
        if copied is None:  # an image was taken down since: the tables must say so, too
            continue
        manifest = Manifest(
            backup=FORMAT,
            made=made.isoformat(timespec="seconds"),
            source=database.url.get_backend_name(),
            revision=health.revision,
            database_sha256=file_sha256(file),
            rows=health.rows,
            images=copied.images,
            image_bytes=copied.image_bytes,
            missing=copied.missing,
        )
        store.sync_names()  # also of images that a killed backup left here
        _write_manifest(partial / MANIFEST_NAME, manifest)
        sync_folder(partial)
        partial.rename(target)
        return MadeBackup(
            backup=target,
            manifest=manifest,
            copied=copied.new,
            copied_bytes=copied.new_bytes,
            problems=copied.problems,
        )
    raise StorageError("Images are being taken down all the time; make the backup after that.")


def _write_manifest(path: Path, manifest: Manifest) -> None:
    path.write_text(json.dumps(asdict(manifest), indent=1), "utf-8")
    sync_file(path)


def _copy_images(database: Database, copy: Engine, store: ImageStore) -> _Copied | None:
    """Copy what is new; None where an image is gone because it was taken down meanwhile."""
    images = size = new = new_bytes = 0
    missing, problems = [], []
    for image in shown_progress(copy, "back up images"):
        images, size = images + 1, size + image.bytes
        if store.has(image.sha256, format=image.format, bytes=image.bytes):
            continue
        problem = copy_image(database.images, image, store, failed="is not in the backup")
        if not problem:
            new, new_bytes = new + 1, new_bytes + image.bytes
        elif is_wanted(database.engine, image.sha256):
            missing.append(image.sha256)
            problems.append(problem)
        else:
            return None
    return _Copied(
        images=images,
        image_bytes=size,
        new=new,
        new_bytes=new_bytes,
        missing=tuple(missing),
        problems=tuple(problems),
    )


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    try:
        with FileLock(folder / LOCK_NAME).acquire(timeout=0):
            yield
    except Timeout as error:
        raise StorageError(f"Another backup into {folder} is at work; wait for its end.") from error


def _remove_unfinished(folder: Path) -> None:
    """Remove what a killed backup left; whoever holds the lock is the only one at work."""
    for left in folder.glob(f"*{PARTIAL}"):
        if BACKUP_NAME.fullmatch(left.name.removesuffix(PARTIAL)):
            shutil.rmtree(left)
    for half in (folder / IMAGES_NAME).glob(f"??/*{PARTIAL}"):
        half.unlink(missing_ok=True)


def _new_name(folder: Path) -> Path:
    name = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    number, target = 1, folder / name
    while target.exists():
        number += 1
        target = folder / f"{name}-{number}"
    return target


def _refuse_own_folder(database: Database, folder: Path) -> None:
    """A backup in the studio's own folder would share the studio's images, and their fate."""
    mine, there = database.images.root.resolve(), folder.resolve()
    if mine == there / IMAGES_NAME or mine in (there, *there.parents):
        raise StorageError(
            f"{folder} holds the studio's own images: name a folder elsewhere for backups, best on "
            "another disk."
        )
