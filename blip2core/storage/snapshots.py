"""Accepted pairs, frozen: the same decisions and rules give the same pairs and the same hash."""

import hashlib
import itertools
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, func, insert, select
from sqlalchemy.orm import Session

from blip2core.errors import StorageError
from blip2core.records import ExportPair
from blip2core.storage.bulk_insert import chunks
from blip2core.storage.datasets import find_dataset, get_dataset
from blip2core.storage.schema import (
    Annotator,
    Batch,
    Caption,
    Dataset,
    DecisionEvent,
    Export,
    Image,
    Item,
    Run,
    Scorer,
    Snapshot,
    SnapshotPair,
    Source,
)
from blip2core.storage.snapshot_selection import SnapshotPolicy, chosen_rows
from blip2core.texts import clean_text

if TYPE_CHECKING:
    from blip2core.storage.database import Database

PAIRS_PER_PAGE = 1_000
"""Pairs read in one go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotSummary:
    """One line of the list of snapshots."""

    snapshot: Snapshot
    created_by: str
    exports: tuple[Export, ...]


def create_snapshot(
    session: Session, *, dataset_id: int, name: str, policy: SnapshotPolicy, created_by: int
) -> Snapshot:
    """Freeze the accepted pairs of a dataset: accepted by somebody, and rejected by nobody, also
    not in another copy of the image.

    `content_sha256` covers all that an export writes of them. StorageError where the name is
    taken, or nothing is accepted.
    """
    name = clean_text(name)
    taken = select(Snapshot.id).where(Snapshot.dataset_id == dataset_id, Snapshot.name == name)
    if not name or session.scalar(taken) is not None:
        raise StorageError(f"There is a snapshot {name} already; choose another name.")
    told = get_dataset(session, dataset_id=dataset_id).guidelines  # may change later
    guidelines = {"guidelines": told} if told else {}
    last = select(func.max(DecisionEvent.id)).join(Item, Item.id == DecisionEvent.item_id)
    snapshot = Snapshot(
        dataset_id=dataset_id,
        name=name,
        policy=json.loads(json.dumps(asdict(policy))) | guidelines,
        last_decision_id=session.scalar(last.where(Item.dataset_id == dataset_id)) or 0,
        content_sha256="0" * 64,
        pairs=0,
        created_by=created_by,
    )
    session.add(snapshot)
    session.flush()
    for chunk in chunks(chosen_rows(session, dataset_id, policy)):
        rows = [row | {"snapshot_id": snapshot.id} for row in chunk]
        session.execute(insert(SnapshotPair), rows)
        snapshot.pairs += len(rows)
    if not snapshot.pairs:
        raise StorageError("Nothing is accepted yet that these rules would take.")
    digest = hashlib.sha256()
    for pair in _frozen_pairs(session, snapshot.id, image_root=None):
        digest.update(json.dumps(asdict(pair), sort_keys=True).encode() + b"\n")
    snapshot.content_sha256 = digest.hexdigest()
    session.flush()
    return snapshot


def freeze_snapshot(
    session: Session,
    *,
    dataset_id: int,
    policy: SnapshotPolicy,
    created_by: int,
    name: str | None = None,
) -> Snapshot:
    """Freeze what is accepted now, or return the snapshot that has the same rules and pairs.

    Without a name a new one is called v1, v2 and so on.
    """
    known = list(session.scalars(select(Snapshot).where(Snapshot.dataset_id == dataset_id)))
    names = {snapshot.name for snapshot in known}
    free = next(f"v{number}" for number in itertools.count(1) if f"v{number}" not in names)
    with session.begin_nested() as attempt:
        made = create_snapshot(
            session, dataset_id=dataset_id, name=name or free, policy=policy, created_by=created_by
        )
        for snapshot in known:
            same = (snapshot.content_sha256, snapshot.policy) == (made.content_sha256, made.policy)
            if same and name is None:
                attempt.rollback()
                return snapshot
    return made


def named_snapshot(session: Session, *, name: str) -> Snapshot | None:
    """Return the snapshot `DATASET@SNAPSHOT`, or the only one with this name in any dataset.

    None where there is none. StorageError where several have it, and for `DATASET@SNAPSHOT` that
    is not there.
    """
    query = select(Snapshot, Dataset.name).join(Dataset, Dataset.id == Snapshot.dataset_id)
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
    last = -1
    root = str(database.images.root)
    while True:
        with database.read() as session:
            page = list(_frozen_page(session, snapshot_id, last, root))
        for position, is_purged, pair in page:
            last = position
            if not is_purged:
                yield pair
        if len(page) < PAIRS_PER_PAGE:
            return


def find_snapshot(session: Session, *, dataset_id: int, name: str | None = None) -> Snapshot:
    """Return the snapshot of this name, or the newest. Raises StorageError, which names those there
    are.
    """
    query = select(Snapshot).where(Snapshot.dataset_id == dataset_id).order_by(Snapshot.id.desc())
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
        .where(Snapshot.dataset_id == dataset_id)
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
            select(SnapshotPair.position)
            .join(Item, Item.id == SnapshotPair.item_id)
            .join(Image, Image.id == Item.image_id)
            .where(SnapshotPair.snapshot_id == Snapshot.id, Image.sha256 == sha256)
            .exists()
        )
        .order_by(Snapshot.id)
    )
    found = list(session.scalars(query))
    return [
        (one, list(session.scalars(select(Export).where(Export.snapshot_id == one.id))))
        for one in found
    ]


def _no_snapshot(session: Session, dataset_id: int, name: str | None) -> str:
    dataset = get_dataset(session, dataset_id=dataset_id).name
    known = select(Snapshot.name).where(Snapshot.dataset_id == dataset_id)
    newest = list(session.scalars(known.order_by(Snapshot.id.desc()).limit(20)))
    if newest:
        wanted, known_names = name or "without a name", ", ".join(newest)
        return f"The dataset {dataset} has no snapshot {wanted}; it has: {known_names}."
    return (
        f"The dataset {dataset} has no snapshot {name or 'yet'}: none is frozen. "
        f"`blip2 export {dataset}` freezes what is accepted now."
    )


def _frozen_pairs(
    session: Session, snapshot_id: int, image_root: str | None
) -> Iterator[ExportPair]:
    last = -1
    while page := list(_frozen_page(session, snapshot_id, last, image_root)):
        yield from (pair for _, _, pair in page)
        last = page[-1][0]


def _frozen_page(
    session: Session, snapshot_id: int, last: int, image_root: str | None
) -> Iterator[tuple[int, bool, ExportPair]]:
    """Yield (position, taken down, pair) of a page.

    Without a root the pair has no path, so that it is the same wherever the images are stored.
    """
    query = _pair_query().where(
        SnapshotPair.snapshot_id == snapshot_id, SnapshotPair.position > last
    )
    for row in session.execute(query.order_by(SnapshotPair.position).limit(PAIRS_PER_PAGE)):
        frozen, caption, image, scorer, run, source, handle, kind = row
        pair = _pair(frozen, caption, image, scorer, run)
        pair = replace(
            pair,
            decided_by=f"a threshold that {handle} applied" if kind == "threshold" else handle,
            url=source and source.url,
            page_url=source and source.page_url,
            license=source and source.license,
        )
        if image_root is not None:
            pair = replace(pair, image_path=_image_path(image_root, image))
        yield frozen.position, image.state == "purged", pair


def _pair_query() -> Select[*tuple[Any, ...]]:
    return (
        select(SnapshotPair, Caption, Image, Scorer, Run, Source, Annotator.handle, Batch.kind)
        .join(Caption, Caption.id == SnapshotPair.caption_id)
        .join(Item, Item.id == SnapshotPair.item_id)
        .join(Image, Image.id == Item.image_id)
        .outerjoin(Scorer, Scorer.id == SnapshotPair.scorer_id)
        .outerjoin(Run, Run.id == Caption.run_id)
        .outerjoin(Source, Source.id == SnapshotPair.source_id)
        .outerjoin(DecisionEvent, DecisionEvent.id == SnapshotPair.decision_id)
        .outerjoin(Annotator, Annotator.id == DecisionEvent.annotator_id)
        .outerjoin(Batch, Batch.id == DecisionEvent.batch_id)
    )


def _pair(
    frozen: SnapshotPair, caption: Caption, image: Image, scorer: Scorer | None, run: Run | None
) -> ExportPair:
    return ExportPair(
        caption_id=caption.id,
        item_id=frozen.item_id,
        split=frozen.split,
        text=caption.text,
        source=caption.source,  # type: ignore[arg-type]  # the table allows no other
        image_sha256=image.sha256,
        image_path="",
        format=image.format,
        width=image.width,
        height=image.height,
        itm=frozen.itm,
        itc=frozen.itc,
        scorer=f"{scorer.model}@{scorer.revision}" if scorer else None,
        run_uid=run.uid if run else None,
        captioner=f"{run.model}@{run.revision}" if run else None,
        decision_id=frozen.decision_id,
    )


def _image_path(root: str, image: Image) -> str:
    from pathlib import Path

    from blip2core.storage.images import ImageStore

    return str(ImageStore(Path(root)).path(image.sha256, format=image.format))
