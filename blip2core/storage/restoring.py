"""From a backup to a studio: into an empty place, or only the images that a studio has lost."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, Engine
from sqlalchemy.orm import Session

from blip2core.disk import sync_file, sync_folder
from blip2core.errors import StorageError, way_out
from blip2core.storage.backup_folder import (
    DATABASE_NAME,
    IMAGES_NAME,
    file_sha256,
    find_backup,
    images_of,
    read_manifest,
)
from blip2core.storage.database import Database, locate, open_database, own_file
from blip2core.storage.database_errors import place_of, storage_errors
from blip2core.storage.engine import WRITE, connect, connect_read_only
from blip2core.storage.image_copy import copy_image
from blip2core.storage.images import PARTIAL, ImageStore
from blip2core.storage.maintenance import upgrade
from blip2core.storage.missing_images import WantedImage, is_wanted, shown_progress
from blip2core.storage.store_id import adopt_store
from blip2core.storage.table_copy import copy_tables, refuse_rows, refuse_unstorable


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What was brought back."""

    backup: Path
    database: str
    """The file or address of the database; without a password."""
    images_folder: Path
    rows: int
    images: int
    """Images that were copied; those that were there already are not counted."""
    problems: tuple[str, ...]
    """A sentence for each image that the backup does not have, or has damaged."""


def restore_backup(
    folder: Path, url: str | None = None, *, data: str | Path | None = None
) -> Restored:
    """Bring the tables and images of a backup back into an empty place.

    `folder` is a backup, or a backup folder, of which the newest is taken; `url` and `data` name
    the place as for `open_database`. Each image is checked against its hash, and the tables come
    last. Raises StorageError where there are rows already, or a file that would be overwritten.
    """
    backup = find_backup(folder)
    manifest = read_manifest(backup)
    parsed, target = locate(url, data=data)
    store = ImageStore(target / IMAGES_NAME)
    try:
        if file_sha256(backup / DATABASE_NAME) != manifest.database_sha256:
            raise StorageError(
                f"{backup / DATABASE_NAME} was altered since it was made; restore another backup."
            )
        if parsed.get_backend_name() == "sqlite":
            images, problems = _restore_to_file(backup, store, Path(str(parsed.database)))
        else:
            images, problems = _restore_to_server(backup, store, parsed)
    except OSError as error:
        said = f"{error.strerror or error}{way_out(error)}"
        raise StorageError(f"{backup} could not be restored to {target}: {said}.") from error
    # Also where the backup had not all of them, this is where the images of this database are now.
    open_database(url, data=data, adopt=True).close()
    return Restored(
        backup=backup,
        database=place_of(parsed),
        images_folder=store.root,
        rows=sum(manifest.rows.values()),
        images=images,
        problems=tuple(problems),
    )


def restore_images(database: Database, folder: Path) -> Restored:
    """Bring back the images that a studio misses or has damaged, from any backup of a folder.

    May run while the studio does. What no backup has is told as a problem.
    """
    backup = find_backup(folder)
    saved, restored, problems = images_of(backup), 0, []
    for image in shown_progress(database.engine, "check images"):
        if _is_sound(database.images, image) or not is_wanted(database.engine, image.sha256):
            continue
        if problem := copy_image(saved, image, database.images, failed="cannot be restored"):
            problems.append(problem)
        else:
            restored += 1
    return Restored(
        backup=backup,
        database=place_of(database.url),
        images_folder=database.images.root,
        rows=0,
        images=restored,
        problems=tuple(problems),
    )


def _restore_images(backup: Path, store: ImageStore) -> tuple[int, list[str]]:
    """Return how many images were copied, and what is wrong with others."""
    saved, restored = images_of(backup), 0
    problems: list[str] = []
    with _reading(backup / DATABASE_NAME) as engine:
        for image in shown_progress(engine, "restore images"):
            path = store.path(image.sha256, format=image.format)
            if _is_sound(store, image):
                continue
            if path.exists():
                raise StorageError(
                    f"{path} is there already with other bytes, and nothing is overwritten: move "
                    "it away, then restore again."
                )
            if problem := copy_image(saved, image, store, failed="cannot be restored"):
                problems.append(problem)
            else:
                restored += 1
    store.sync_names()
    return restored, problems


def _is_sound(store: ImageStore, image: WantedImage) -> bool:
    if not store.has(image.sha256, format=image.format, bytes=image.bytes):
        return False
    with suppress(StorageError):
        store.read(image.sha256, format=image.format)
        return True
    return False


def _restore_to_file(backup: Path, store: ImageStore, file: Path) -> tuple[int, list[str]]:
    """Restore to an SQLite file, which gets its name when all of it is on disk."""
    lock = own_file(file)
    partial = file.with_name(f"{file.name}{PARTIAL}")
    try:
        if file.exists():
            raise StorageError(
                f"{file} exists already, and nothing is overwritten: move it away, or name another "
                "place with --url."
            )
        result = _restore_images(backup, store)
        try:
            _copy_up_to_date(backup, partial)
            _adopt(partial, store)
            sync_file(partial)
            os.rename(partial, file)
        finally:
            partial.unlink(missing_ok=True)
        sync_folder(file.parent)
    finally:
        lock.release()
    return result


def _restore_to_server(backup: Path, store: ImageStore, url: URL) -> tuple[int, list[str]]:
    """Restore to a database of PostgreSQL without rows, in one transaction."""
    upgrade(url)
    target = connect(url)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / DATABASE_NAME
        _copy_up_to_date(backup, file)
        try:
            with storage_errors(url), target.connect() as connection:
                refuse_rows(connection)
            with _reading(file) as source:
                refuse_unstorable(source, target)
            result = _restore_images(backup, store)
            _adopt(file, store)
            with _reading(file) as source:
                copy_tables(source, target)
        finally:
            target.dispose()
    return result


@contextmanager
def _reading(file: Path) -> Iterator[Engine]:
    engine = connect_read_only(file)
    try:
        yield engine
    finally:
        engine.dispose()


def _copy_up_to_date(backup: Path, file: Path) -> None:
    """Copy the database of a backup, and bring its tables to this version."""
    shutil.copyfile(backup / DATABASE_NAME, file)
    upgrade(URL.create("sqlite", database=str(file)))


def _adopt(file: Path, store: ImageStore) -> None:
    """Make `store` the image store of a database that is not in its place yet: a restore that is
    killed afterwards leaves two that know each other.
    """
    engine = connect(URL.create("sqlite", database=str(file)))
    try:
        with Session(engine.execution_options(**{WRITE: True})) as session, session.begin():
            adopt_store(session, store)
    finally:
        engine.dispose()
