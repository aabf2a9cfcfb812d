"""Take images down: plan it, do it, and delete what a killed process left behind."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from blip2core.errors import ConflictError, StorageError
from blip2core.storage.bulk_insert import chunks
from blip2core.storage.database import Database
from blip2core.storage.items import find_image, image_of_item, purge_image
from blip2core.storage.near_images import near_duplicates
from blip2core.storage.schema import (
    Caption,
    Dataset,
    DecisionEvent,
    Export,
    Image,
    Item,
    Snapshot,
    SnapshotPair,
)
from blip2core.storage.snapshots import snapshots_with

_ITEM_NUMBER = re.compile(r"#?([0-9]{1,18})")
_HASH_START = re.compile(r"[0-9a-f]{12,64}")
CHANGED = "The images, or the items they are in, changed since this was shown; look at it again."


@dataclass(frozen=True, slots=True, kw_only=True)
class TakedownFile:
    """An image file that is deleted."""

    sha256: str
    format: str
    bytes: int
    """On disk now; 0 where the file is gone already."""
    taken_down: bool
    """It was taken down before; only what is left of its bytes is deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakedownItem:
    """An item that is excluded from review and from every snapshot to come."""

    item_id: int
    dataset: str
    status: str
    texts: int
    """Texts about it; they stay in the database."""
    decisions: int
    """Acts in the log of decisions; they stay there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakedownExport:
    """A snapshot that was written to files, which this program does not change any more."""

    format: str
    status: str
    """complete, writing or failed."""
    location: str
    """The folder it was written to; empty where the export was not completed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakedownSnapshot:
    """A snapshot that holds the images; its next export leaves them out."""

    snapshot_id: int
    name: str
    """DATASET@SNAPSHOT."""
    pairs: int
    """Pairs of the images that are taken down."""
    exports: tuple[TakedownExport, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TakedownPlan:
    """Everything that `take_down` will do, and what it leaves to people."""

    files: tuple[TakedownFile, ...]
    """The named images and every other file with the same pixels."""
    items: tuple[TakedownItem, ...]
    snapshots: tuple[TakedownSnapshot, ...]
    alike: tuple[int, ...]
    """Items whose images look almost the same: they stay, unless they are named as well."""

    @property
    def bytes(self) -> int:
        """Bytes that are freed on disk."""
        return sum(file.bytes for file in self.files)

    @property
    def texts(self) -> int:
        """Texts that stay in the database."""
        return sum(item.texts for item in self.items)

    @property
    def decisions(self) -> int:
        """Acts that stay in the log of decisions."""
        return sum(item.decisions for item in self.items)

    @property
    def is_done(self) -> bool:
        """Whether all of it was taken down before and no byte is left."""
        return all(file.taken_down and not file.bytes for file in self.files)


def plan_takedown(database: Database, images: Sequence[str]) -> TakedownPlan:
    """Return what taking these images down will do; nothing is changed.

    An image is named by its SHA-256, by the first 12 or more digits of that, or by the number of
    an item (`7` or `#7`). Raises StorageError where none or several images have a name.
    """
    if not images:
        raise StorageError("Name an image to take down: its SHA-256, or the number of its item.")
    with database.read() as session:
        hashes = {_named_image(session, name).sha256 for name in images}
        return _plan(database, session, hashes)


def take_down(database: Database, plan: TakedownPlan) -> int:
    """Take images down as `plan` says, then delete their files -> how many files were deleted.

    The tables change in one unit; the files go after it. Where the process is killed in between,
    the images are shown nowhere, and `finish_takedowns` deletes their bytes. Raises ConflictError,
    and changes nothing, where files or items are not those of the plan any more.
    """
    hashes = {file.sha256 for file in plan.files}

    def change(session: Session) -> None:
        for sha256 in sorted(hashes):
            purge_image(session, sha256=sha256)
        now = _plan(database, session, hashes)
        if _subjects(now) != _subjects(plan):
            raise ConflictError(CHANGED)

    database.run_write(change)
    return finish_takedowns(database)


def finish_takedowns(database: Database) -> int:
    """Delete the bytes of every image that was taken down -> how many files there still were.

    For a start after a kill; where nothing is left, nothing happens.
    """
    if not database.owner:
        raise StorageError("This process only reads the database; open it as its owner.")
    with database.read() as session:
        query = select(Image.sha256, Image.format).where(Image.state == "purged")
        purged = [(sha256, format) for sha256, format in session.execute(query)]
    return sum(database.images.delete(sha256, format=format) for sha256, format in purged)


def _named_image(session: Session, name: str) -> Image:
    """Return the image of one name, as `plan_takedown` reads names."""
    name = name.strip()
    if number := _ITEM_NUMBER.fullmatch(name):
        return image_of_item(session, item_id=int(number[1]))
    start = name.lower()
    if not _HASH_START.fullmatch(start):
        raise StorageError(
            f"{name[:80]!r} names no image; give its SHA-256 (12 digits or more), or the number of "
            "its item."
        )
    if (whole := find_image(session, sha256=start)) is not None:
        return whole
    query = select(Image).where(Image.sha256.startswith(start)).order_by(Image.id).limit(2)
    found = session.scalars(query).all()
    if len(found) != 1:
        several = "Several images begin" if found else "There is no image that begins"
        raise StorageError(f"{several} with {start}.")
    return found[0]


def _plan(database: Database, session: Session, hashes: set[str]) -> TakedownPlan:
    pixels = select(Image.pixel_sha256).where(Image.sha256.in_(hashes))
    query = select(Image).where(Image.pixel_sha256.in_(pixels)).order_by(Image.id)
    images = list(session.scalars(query))
    return TakedownPlan(
        files=tuple(_file(database, image) for image in images),
        items=_items(session, [image.id for image in images]),
        snapshots=_snapshots(session, images),
        alike=_alike(session, images),
    )


def _subjects(plan: TakedownPlan) -> tuple[set[str], set[int]]:
    return {file.sha256 for file in plan.files}, {item.item_id for item in plan.items}


def _file(database: Database, image: Image) -> TakedownFile:
    path = database.images.path(image.sha256, format=image.format)
    return TakedownFile(
        sha256=image.sha256,
        format=image.format,
        bytes=path.stat().st_size if path.is_file() else 0,
        taken_down=image.state == "purged",
    )


def _items(session: Session, image_ids: Sequence[int]) -> tuple[TakedownItem, ...]:
    texts = select(func.count()).where(Caption.item_id == Item.id).scalar_subquery()
    decisions = select(func.count()).where(DecisionEvent.item_id == Item.id).scalar_subquery()
    query = (
        select(Item.id, Dataset.name, Item.status, texts, decisions)
        .join(Dataset, Dataset.id == Item.dataset_id)
        .where(Item.image_id.in_(image_ids))
        .order_by(Item.id)
    )
    return tuple(
        TakedownItem(item_id=item, dataset=dataset, status=status, texts=text, decisions=decided)
        for item, dataset, status, text, decided in session.execute(query)
    )


def _snapshots(session: Session, images: Sequence[Image]) -> tuple[TakedownSnapshot, ...]:
    found: dict[int, tuple[Snapshot, list[Export]]] = {}
    for image in images:
        for snapshot, exports in snapshots_with(session, sha256=image.sha256):
            found[snapshot.id] = snapshot, exports
    pairs = (
        select(SnapshotPair.snapshot_id, func.count())
        .join(Item, Item.id == SnapshotPair.item_id)
        .where(Item.image_id.in_([image.id for image in images]))
        .group_by(SnapshotPair.snapshot_id)
    )
    counts = {snapshot_id: count for snapshot_id, count in session.execute(pairs)}
    names = select(Snapshot.id, Dataset.name).join(Dataset, Dataset.id == Snapshot.dataset_id)
    named = session.execute(names.where(Snapshot.id.in_(found)))
    datasets = {number: name for number, name in named}
    return tuple(
        TakedownSnapshot(
            snapshot_id=number,
            name=f"{datasets[number]}@{snapshot.name}",
            pairs=counts[number],
            exports=tuple(
                TakedownExport(format=one.format, status=one.status, location=one.location or "")
                for one in exports
            ),
        )
        for number, (snapshot, exports) in sorted(found.items())
    )


def _alike(session: Session, images: Sequence[Image]) -> tuple[int, ...]:
    """Return the items of images that are near duplicates of these and were not taken down."""
    mine = {image.id for image in images}
    near = {
        other.id
        for image in images
        for other, _ in near_duplicates(session, phash=image.phash)
        if other.id not in mine and other.state == "ok"
    }
    items: list[int] = []
    for chunk in chunks(sorted(near)):
        items += session.scalars(select(Item.id).where(Item.image_id.in_(chunk)))
    return tuple(sorted(items))
