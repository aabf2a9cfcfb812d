"""Read all of a backup, and say what is wrong with it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from blip2core.errors import StorageError
from blip2core.storage.backup_folder import (
    DATABASE_NAME,
    MANIFEST_NAME,
    Manifest,
    file_sha256,
    find_backup,
    images_of,
    read_manifest,
)
from blip2core.storage.engine import connect_read_only
from blip2core.storage.maintenance import check
from blip2core.storage.missing_images import check_images


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupHealth:
    """What reading all of a backup found."""

    backup: Path
    rows: int
    images: int
    problems: tuple[str, ...]
    """Empty where all is well."""


def verify_backup(folder: Path) -> BackupHealth:
    """Read all of a backup, the newest of a backup folder: its database, and each image that its
    tables name. Nothing is written.
    """
    backup = find_backup(folder)
    manifest = read_manifest(backup)
    problems = list(_file_problems(backup / DATABASE_NAME, manifest))
    rows = images = 0
    if not problems:
        try:
            rows, images, problems = _read(backup, manifest)
        except StorageError as error:
            problems = [str(error)]
    return BackupHealth(backup=backup, rows=rows, images=images, problems=tuple(problems))


def _read(backup: Path, manifest: Manifest) -> tuple[int, int, list[str]]:
    """Return the rows and images that were read, and what is wrong."""
    file = backup / DATABASE_NAME
    engine = connect_read_only(file)
    try:
        health = check(engine)
        images = check_images(engine, images_of(backup))
    finally:
        engine.dispose()
    problems = [*health.problems, *images.problems]
    if (health.rows, images.images) != (manifest.rows, manifest.images):
        problems.append(f"{file} has other numbers of rows or images than {MANIFEST_NAME} says")
    return sum(health.rows.values()), images.images, problems


def _file_problems(file: Path, manifest: Manifest) -> Iterator[str]:
    try:
        if file_sha256(file) != manifest.database_sha256:
            yield f"{file} was altered: its bytes have another hash than {MANIFEST_NAME} says"
    except OSError as error:
        yield f"{file} cannot be read ({error.strerror})"
