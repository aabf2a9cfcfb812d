"""Many decisions as one act, undone as one: a grid selection, or a threshold."""

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Select, func, insert, literal, select, update
from sqlalchemy.orm import Session, aliased

from blip2core.errors import ConflictError, StorageError
from blip2core.storage.bulk_insert import chunks
from blip2core.storage.doubted_items import UNDECIDED, doubted_items
from blip2core.storage.schema import (
    Annotator,
    AuditItem,
    Batch,
    Caption,
    Dataset,
    DecisionEvent,
    Item,
    Score,
    Verdict,
)
from blip2core.storage.statuses import refresh_items
from blip2core.texts import count_of

FIRST = 50
"""Items that an undo of a batch names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One decision of a batch."""

    item_id: int
    caption_id: int
    action: Literal["accept", "reject"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBatch:
    """An act over many items."""

    uid: str
    """Made where it was confirmed: the same uid twice is one batch. At most 36 characters."""
    dataset_id: int
    annotator_id: int
    kind: Literal["bulk", "threshold"] = "bulk"
    settings: dict[str, Any] | None = None
    """What chose the items, to be read later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoneBatch:
    """A batch that was taken back."""

    uid: str
    kind: str
    decisions: int
    first_items: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditResult:
    """Verdicts of people on the audit sample of a threshold batch."""

    drawn: int
    """Items in the sample."""
    verdicts: int
    """Texts of them with a verdict of a person since."""
    confirmed: int
    """Of these, how many as the threshold did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSummary:
    """One line of the list of batches."""

    batch: Batch
    handle: str
    undone: bool


def decide_many(
    session: Session, new: NewBatch, *, choices: Iterable[Choice], expected: int
) -> Batch:
    """Store all choices as one batch, read as they come; the same uid again changes nothing.

    ConflictError where they are not `expected` many, because somebody decided meanwhile: then
    nothing must be committed.
    """
    known = session.scalar(select(Batch).where(Batch.uid == new.uid))
    if known is not None:
        return known
    if expected < 1:
        raise StorageError("There is nothing to decide; choose some items first.")
    batch = Batch(
        uid=new.uid,
        kind=new.kind,
        dataset_id=new.dataset_id,
        annotator_id=new.annotator_id,
        settings=new.settings or {},
        expected=expected,
    )
    session.add(batch)
    session.flush()
    stored = 0
    for chunk in chunks(choices):
        _bump(session, sorted({choice.item_id for choice in chunk}))
        session.execute(insert(DecisionEvent), [_row(batch, choice) for choice in chunk])
        refresh_items(session, item_ids=sorted({choice.item_id for choice in chunk}))
        stored += len(chunk)
    if stored != expected:
        raise ConflictError(
            f"{count_of(stored, 'decision')} instead of {expected} would be made: "
            "somebody decided meanwhile. Look at the numbers again."
        )
    return batch


def ensure_unchanged(session: Session, *, versions: Mapping[int, int]) -> None:
    """Lock items until the commit. Raises ConflictError where one has left the version given for
    it.
    """
    rows: list[tuple[int, int]] = []
    for chunk in chunks(sorted(versions)):
        query = select(Item.id, Item.row_version).where(Item.id.in_(chunk)).order_by(Item.id)
        rows += [
            (item, version)
            for item, version in session.execute(query.with_for_update(key_share=True))
        ]
    changed = [item for item, version in rows if version != versions[item]]
    if changed:
        named = ", ".join(f"#{item}" for item in changed[:5])
        raise ConflictError(
            f"Somebody decided about {named} meanwhile; nothing was overwritten, look at it again."
        )


def undo_batch(session: Session, *, batch_id: int, annotator_id: int, uid: str) -> UndoneBatch:
    """Undo a whole batch, as far as its decisions still count; a second time changes nothing.

    ConflictError where it has been taken back already.
    """
    target = session.get(Batch, batch_id)
    if target is None or target.kind == "undo":
        raise StorageError(f"There is no batch number {batch_id} to undo.")
    if session.scalar(select(Batch.id).where(Batch.undoes_id == batch_id)) is not None:
        raise ConflictError("This batch has been undone already.")
    batch = Batch(
        uid=uid,
        kind="undo",
        dataset_id=target.dataset_id,
        annotator_id=annotator_id,
        expected=target.expected,
        undoes_id=target.id,
    )
    session.add(batch)
    session.flush()
    undo = aliased(DecisionEvent)
    counts = ~select(undo.id).where(undo.supersedes_id == DecisionEvent.id).exists()
    query = select(DecisionEvent.id, DecisionEvent.item_id).where(
        DecisionEvent.batch_id == batch_id, counts
    )
    events = session.execute(query.order_by(DecisionEvent.id)).all()
    for chunk in chunks(events):
        rows = [
            {
                "client_event_id": f"{uid}:{event_id}",
                "item_id": item_id,
                "annotator_id": annotator_id,
                "action": "undo",
                "supersedes_id": event_id,
                "batch_id": batch.id,
            }
            for event_id, item_id in chunk
        ]
        item_ids = sorted({item_id for _, item_id in chunk})
        _bump(session, item_ids)
        session.execute(insert(DecisionEvent), rows)
        refresh_items(session, item_ids=item_ids)
    first = tuple(dict.fromkeys(item_id for _, item_id in events))[:FIRST]
    return UndoneBatch(uid=target.uid, kind=target.kind, decisions=len(events), first_items=first)


def list_batches(session: Session, *, dataset_id: int, limit: int = 50) -> list[BatchSummary]:
    """Return the newest batches of a dataset, without the undos themselves."""
    undo = aliased(Batch)
    query = (
        select(Batch, Annotator.handle, undo.id)
        .join(Annotator, Annotator.id == Batch.annotator_id)
        .outerjoin(undo, undo.undoes_id == Batch.id)
        .where(Batch.dataset_id == dataset_id, Batch.kind != "undo")
        .order_by(Batch.id.desc())
        .limit(limit)
    )
    return [
        BatchSummary(batch=batch, handle=handle, undone=undone is not None)
        for batch, handle, undone in session.execute(query)
    ]


def threshold_choices(
    session: Session, *, dataset_id: int, threshold: float, own_caption_itc: float | None = None
) -> Iterator[Choice]:
    """Yield what a threshold would decide: every scored text of the pending items, by its ITM
    score.

    Texts at or above the threshold are accepted, those below rejected; items in doubt are left to
    people (see `FilterConfig.own_caption_itc`). Read in pages, so that any number of them fits;
    decide in the same unit.
    """
    dataset = session.get_one(Dataset, dataset_id)
    page = _undecided(dataset_id).order_by(Item.id).limit(1_000)
    if own_caption_itc is not None:
        page = page.where(Item.id.not_in(doubted_items(dataset, own_caption_itc)))
    scored = (
        select(Caption.item_id, Caption.id, Score.value)
        .join(Score, Score.caption_id == Caption.id)
        .where(Score.scorer_id == dataset.itm_scorer_id)
        .order_by(Caption.item_id, Caption.id)
    )
    last = 0
    while item_ids := list(session.scalars(page.where(Item.id > last))):
        rows = session.execute(scored.where(Caption.item_id.in_(item_ids))).all()
        for item_id, caption_id, value in rows:
            action: Literal["accept", "reject"] = "accept" if value >= threshold else "reject"
            yield Choice(item_id=item_id, caption_id=caption_id, action=action)
        last = item_ids[-1]


def count_threshold(
    session: Session, *, dataset_id: int, threshold: float, own_caption_itc: float | None = None
) -> dict[str, int]:
    """Return {"accept": texts, "reject": texts, "items": items} that `threshold_choices` gives."""
    dataset = session.get_one(Dataset, dataset_id)
    query = (
        select(
            func.count(),
            func.count().filter(Score.value >= threshold),
            func.count(Caption.item_id.distinct()),
        )
        .select_from(Item)
        .join(Caption, Caption.item_id == Item.id)
        .join(Score, Score.caption_id == Caption.id)
        .where(
            Item.dataset_id == dataset_id,
            Item.status.in_(UNDECIDED),
            Score.scorer_id == dataset.itm_scorer_id,
        )
    )
    if own_caption_itc is not None:
        query = query.where(Item.id.not_in(doubted_items(dataset, own_caption_itc)))
    total, above, items = session.execute(query).one()
    return {"accept": above, "reject": total - above, "items": items}


def draw_audit(session: Session, *, batch_id: int, size: int, seed: int) -> list[int]:
    """Draw items of a batch at random, for people to look at -> those items.

    They come up in review with the status "audit" until a person has decided them.
    """
    query = select(DecisionEvent.item_id).where(DecisionEvent.batch_id == batch_id).distinct()
    items = sorted(session.scalars(query))
    drawn = sorted(random.Random(seed).sample(items, min(size, len(items))))
    if drawn:
        rows = [{"batch_id": batch_id, "item_id": item_id} for item_id in drawn]
        session.execute(insert(AuditItem), rows)
        refresh_items(session, item_ids=drawn)
    return drawn


def audit_result(session: Session, *, batch_id: int) -> AuditResult:
    """Return how often people agree with a threshold batch, on its sample."""
    drawn = session.scalar(
        select(func.count()).select_from(AuditItem).where(AuditItem.batch_id == batch_id)
    )
    person = aliased(DecisionEvent)
    query = (
        select(DecisionEvent.action, Verdict.verdict)
        .join(
            AuditItem,
            (AuditItem.item_id == DecisionEvent.item_id) & (AuditItem.batch_id == batch_id),
        )
        .join(Verdict, Verdict.caption_id == DecisionEvent.caption_id)
        .join(person, person.id == Verdict.decision_id)
        .where(
            DecisionEvent.batch_id == batch_id,
            person.batch_id.is_(None),
            person.id > DecisionEvent.id,
        )
    )
    pairs = session.execute(query).all()
    same = sum((threshold == "accept") == (said == "accept") for threshold, said in pairs)
    return AuditResult(drawn=drawn or 0, verdicts=len(pairs), confirmed=same)


def _undecided(dataset_id: int) -> Select[int]:
    return select(Item.id).where(Item.dataset_id == dataset_id, Item.status.in_(UNDECIDED))


def _row(batch: Batch, choice: Choice) -> dict[str, object]:
    return {
        "client_event_id": f"{batch.uid}:{choice.caption_id}",
        "item_id": choice.item_id,
        "annotator_id": batch.annotator_id,
        "action": choice.action,
        "caption_id": choice.caption_id,
        "batch_id": batch.id,
    }


def _bump(session: Session, item_ids: Sequence[int]) -> None:
    """Give each item a new version, which also keeps single decisions out until the commit."""
    # In one order, whoever does it: two batches would else wait for each other on PostgreSQL.
    locked = select(Item.id).where(Item.id.in_(item_ids)).order_by(Item.id)
    session.execute(locked.with_for_update(key_share=True)).all()
    query = update(Item).where(Item.id.in_(item_ids))
    session.execute(query.values(row_version=Item.row_version + literal(1)))
