"""Backups of a studio: its tables and its images, in a folder where images are shared.

    BACKUPS/
      images/ab/ab12...ef.png       the images of all backups, each once
      2026-11-28T10-22-03Z/         one backup; a name that ends in .partial was not finished
        studio.db                   all tables, as an SQLite file, whatever database they came from
        backup.json                 what it holds: counts and hashes

A backup gets its name when all of it is on disk. One that was killed is removed by the next.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blip2core.errors import StorageError
from blip2core.storage.images import ImageStore

DATABASE_NAME, MANIFEST_NAME, IMAGES_NAME, LOCK_NAME = (
    "studio.db",
    "backup.json",
    "images",
    "backup.lock",
)
BACKUP_NAME = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ(-\d+)?")
FORMAT = 1
"""Of the folder; a later one may be laid out in another way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup holds."""

    backup: int
    """FORMAT of the version that wrote it."""
    made: str
    """When the tables were copied, in UTC."""
    source: str
    """sqlite or postgresql."""
    revision: str
    """Of the tables."""
    database_sha256: str
    rows: dict[str, int]
    """Rows of each table."""
    images: int
    """Images that the tables name."""
    image_bytes: int
    """Of these images."""
    missing: tuple[str, ...]
    """SHA-256 of images that the studio did not have, or had damaged, when it was made."""


def find_backup(folder: Path) -> Path:
    """Return the backup that is named, or the newest in a backup folder. Raises StorageError."""
    if (folder / MANIFEST_NAME).is_file():
        return folder
    if folder.is_file():
        raise StorageError(
            f"{folder} is one file, a database without images: copy it with `blip2 db copy --url "
            f"{folder.name} TARGET`, or check it with `blip2 db check --url {folder.name}`."
        )
    found = list_backups(folder)
    if not found:
        raise StorageError(f"There is no backup in {folder}; `blip2 db backup` makes one.")
    return found[-1]


def list_backups(folder: Path) -> list[Path]:
    """Return the complete backups of a backup folder, oldest first."""
    if not folder.is_dir():
        return []
    named = [one for one in folder.iterdir() if BACKUP_NAME.fullmatch(one.name)]
    return sorted(one for one in named if (one / MANIFEST_NAME).is_file())


def images_of(backup: Path) -> ImageStore:
    """Return the images that the backups beside this one share with it."""
    return ImageStore(backup.resolve().parent / IMAGES_NAME)


def read_manifest(backup: Path) -> Manifest:
    """Return what a backup holds. Raises StorageError where that cannot be read."""
    path = backup / MANIFEST_NAME
    try:
        told: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if told["backup"] != FORMAT:
            raise StorageError(f"{path} was written by a newer version; install that version.")
        manifest = Manifest(**{**told, "missing": tuple(told["missing"])})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StorageError(f"{path} cannot be read: {error}; name another backup.") from error
    return manifest


def file_sha256(file: Path) -> str:
    """Return the SHA-256 of a file."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
