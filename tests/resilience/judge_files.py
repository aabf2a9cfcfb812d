"""What of a studio lies in files, after a fault: images, exports, backups."""

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from blip2core.exports.output import MANIFEST_NAME, SUMS
from blip2core.storage import Database
from blip2core.storage.backup_check import verify_backup
from blip2core.storage.backup_folder import list_backups
from blip2core.storage.schema import (
    Export,
    Image,
    Item,
)
from tests.resilience.studio import Studio

Told = dict[str, Any]


def wrong_files(session: Session, database: Database) -> Iterator[str]:
    """Yield what is wrong with the files of the images."""
    for image in session.scalars(select(Image)):
        file = database.images.path(image.sha256, format=image.format)
        if image.state == "ok" and not file.is_file():
            yield f"lost: the file of image {image.sha256[:12]}"
        if image.state == "ok" and file.is_file() and _sha256(file) != image.sha256:
            yield f"torn: the file of image {image.sha256[:12]}"
        if image.state != "ok" and file.exists():
            yield f"half-done: the file of {image.sha256[:12]}, which was taken down, is there"
    purged = (
        select(Item.id)
        .join(Image, Image.id == Item.image_id)
        .where(Image.state == "purged", Item.status != "excluded")
    )
    yield from (
        f"half-done: item {one} was taken down and is shown" for one in session.scalars(purged)
    )


def wrong_exports(session: Session, studio: Studio, new: list[Told]) -> Iterator[str]:
    """Yield what is wrong with the folders of the exports."""
    recorded = {
        Path(one.location or "").name: one.manifest_sha256
        for one in session.scalars(select(Export).where(Export.status == "complete"))
    }
    folders = {
        folder.name: folder
        for folder in (studio.exports.iterdir() if studio.exports.is_dir() else ())
        if not folder.name.endswith(".partial")
    }
    for name, manifest in recorded.items():
        if name not in folders:
            yield f"lost: the folder of export {name}"
        elif _sha256(folders[name] / MANIFEST_NAME) != manifest:
            yield f"torn: the manifest of export {name} is not the one recorded"
    fresh = {line["name"] for line in new if line["state"] == "exported"}
    yield from (f"lost: export {name}" for name in fresh - set(recorded))
    for name in set(folders) - set(recorded) | fresh & set(folders):
        yield from (f"torn: export {name}: {what}" for what in _wrong_sums(folders[name]))


def _wrong_sums(folder: Path) -> Iterator[str]:
    if not (folder / MANIFEST_NAME).is_file():
        yield "no manifest"
        return
    for line in (folder / SUMS).read_text("utf-8").splitlines():
        digest, name = line.split("  ", 1)
        if not (folder / name).is_file() or _sha256(folder / name) != digest:
            yield f"{name} is not what SHA256SUMS says"


def wrong_backups(studio: Studio, new: list[Told]) -> Iterator[str]:
    """All that is called a backup is whole, acknowledged or not. The newest stays for the next one:
    a backup that is killed must leave it as it was.
    """
    backups = list_backups(studio.backups)
    named = {backup.name for backup in backups}
    for line in new:
        if line["operation"] == "backup" and line["state"] == "done":
            yield from (f"torn: backup {line['name']}: {what}" for what in line["problems"])
            if line["name"] not in named:
                yield f"lost: backup {line['name']}"
    for backup in backups:
        problems = verify_backup(backup).problems
        yield from (f"torn: backup {backup.name}: {problem}" for problem in problems)
    for backup in backups[:-1]:
        shutil.rmtree(backup)  # they would fill the disk


def _sha256(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return "unreadable"
