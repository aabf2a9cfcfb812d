"""Snapshots of accepted pairs, and what they hold; `freezing` makes them."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import Session

from blip2core.errors import StorageError
from blip2core.records import ExportPair
from blip2core.storage.datasets import find_dataset, get_dataset
from blip2core.storage.schema import (
    Annotator,
    Caption,
    Dataset,
    Export,
    Image,
    Item,
    Snapshot,
    SnapshotPair,
)
from blip2core.storage.snapshot_pairs import describe_pairs
from blip2core.texts import clean_text

if TYPE_CHECKING:
    from blip2core.storage.database import Database

PAIRS_PER_PAGE = 1_000
"""Pairs read in one go."""
IS_COMPLETE = Snapshot.status == "complete"
"""Others are being written, or were left by a process that died: nobody is shown them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotSummary:
    """One line of the list of snapshots."""

    snapshot: Snapshot
    created_by: str
    exports: tuple[Export, ...]


def named_snapshot(session: Session, *, name: str) -> Snapshot | None:
    """Return the snapshot `DATASET@SNAPSHOT`, or the only one with this name in any dataset.

    None where there is none. StorageError where several have it, and for `DATASET@SNAPSHOT` that
    is not there.
    """
    query = select(Snapshot, Dataset.name).join(Dataset, Dataset.id == Snapshot.dataset_id)
    query = query.where(IS_COMPLETE)
    found = [
        (snapshot, f"{dataset}@{snapshot.name}")
        for snapshot, dataset in session.execute(query.order_by(Snapshot.id))
        if clean_text(name) in (snapshot.name, f"{dataset}@{snapshot.name}")
    ]
    if len(found) > 1:
        several = ", ".join(whole for _, whole in found)
        raise StorageError(f"Several snapshots are called {name}; name one of: {several}.")
    if not found and "@" in name:
        dataset_name, _, snapshot_name = name.rpartition("@")
        dataset_id = find_dataset(session, name=dataset_name).id
        return find_snapshot(session, dataset_id=dataset_id, name=snapshot_name)
    return found[0][0] if found else None


def snapshot_pairs(database: "Database", *, snapshot_id: int) -> Iterator[ExportPair]:
    """Yield the pairs of a snapshot, by image, read in pages while they are used.

    Takes the database and not a session: writing an export may take long, and an open transaction
    would keep curators waiting. What was taken down since is left out.
    """
    root = str(database.images.root)
    for last in itertools.count(-1, PAIRS_PER_PAGE):
        with database.read() as session:
            page = _frozen_page(session, snapshot_id, last, root)
        yield from (pair for is_purged, pair in page if not is_purged)
        if len(page) < PAIRS_PER_PAGE:
            return


def find_snapshot(session: Session, *, dataset_id: int, name: str | None = None) -> Snapshot:
    """Return the snapshot of this name, or the newest. Raises StorageError, which names those there
    are.
    """
    query = select(Snapshot).where(Snapshot.dataset_id == dataset_id, IS_COMPLETE)
    query = query.order_by(Snapshot.id.desc())
    if name is not None:
        query = query.where(Snapshot.name == clean_text(name))
    found = session.scalar(query.limit(1))
    if found is None:
        raise StorageError(_no_snapshot(session, dataset_id, name))
    return found


def list_snapshots(session: Session, *, dataset_id: int) -> list[SnapshotSummary]:
    """Return the snapshots of a dataset, newest first, with their exports."""
    query = (
        select(Snapshot, Annotator.handle)
        .join(Annotator, Annotator.id == Snapshot.created_by)
        .where(Snapshot.dataset_id == dataset_id, IS_COMPLETE)
        .order_by(Snapshot.id.desc())
    )
    rows = session.execute(query).all()
    ids = [snapshot.id for snapshot, _ in rows]
    exports: dict[int, list[Export]] = {}
    found = select(Export).where(Export.snapshot_id.in_(ids)).order_by(Export.id)
    for export in session.scalars(found):
        exports.setdefault(export.snapshot_id, []).append(export)
    return [
        SnapshotSummary(
            snapshot=snapshot, created_by=handle, exports=tuple(exports.get(snapshot.id, ()))
        )
        for snapshot, handle in rows
    ]


def snapshots_with(session: Session, *, sha256: str) -> list[tuple[Snapshot, list[Export]]]:
    """Return every snapshot and export that contains an image, for a takedown."""
    query = (
        select(Snapshot)
        .where(
            IS_COMPLETE,
            select(SnapshotPair.position)
            .join(Item, Item.id == SnapshotPair.item_id)
            .join(Image, Image.id == Item.image_id)
            .where(SnapshotPair.snapshot_id == Snapshot.id, Image.sha256 == sha256)
            .exists(),
        )
        .order_by(Snapshot.id)
    )
    found = list(session.scalars(query))
    return [
        (one, list(session.scalars(select(Export).where(Export.snapshot_id == one.id))))
        for one in found
    ]


def has_text_origins(session: Session, *, snapshot_id: int) -> bool:
    """Return whether it is known of any text of a snapshot where it stood when it was imported."""
    query = (
        select(SnapshotPair.position)
        .join(Caption, Caption.id == SnapshotPair.caption_id)
        .where(SnapshotPair.snapshot_id == snapshot_id, Caption.place.is_not(None))
    )
    return session.scalar(query.limit(1)) is not None


def _no_snapshot(session: Session, dataset_id: int, name: str | None) -> str:
    dataset = get_dataset(session, dataset_id=dataset_id).name
    known = select(Snapshot.name).where(Snapshot.dataset_id == dataset_id, IS_COMPLETE)
    newest = list(session.scalars(known.order_by(Snapshot.id.desc()).limit(20)))
    if newest:
        wanted, known_names = name or "without a name", ", ".join(newest)
        return f"The dataset {dataset} has no snapshot {wanted}; it has: {known_names}."
    return (
        f"The dataset {dataset} has no snapshot {name or 'yet'}: none is frozen. "
        f"`blip2 export {dataset}` freezes what is accepted now."
    )


def _frozen_page(
    session: Session, snapshot_id: int, last: int, image_root: str
) -> list[tuple[bool, ExportPair]]:
    """Return (was taken down, pair) of the pairs after `last`; positions have no gaps."""
    pair = SnapshotPair
    columns = (pair.caption_id, pair.item_id, pair.split, pair.decision_id, pair.source_id)
    query = select(*columns, pair.scorer_id, pair.itm, pair.itc).where(
        pair.snapshot_id == snapshot_id,
        pair.position > last,
        pair.position <= last + PAIRS_PER_PAGE,  # without an end, PostgreSQL reads all that follow
    )
    rows = session.execute(query.order_by(pair.position))
    return describe_pairs(session, [dict(row._mapping) for row in rows], image_root=image_root)
