"""What was decided until a snapshot was taken; later decisions do not change it."""

from collections import Counter
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session, aliased

from blip2core.storage.schema import (
    Annotator,
    Batch,
    DecisionEvent,
    Item,
    Snapshot,
    SnapshotPair,
)

NO_REASON = "rejected, no reason given"
BY_THRESHOLD = "below the threshold of a batch"
EDITED = "replaced by an edited text"


def rejections(session: Session, *, snapshot_id: int) -> dict[str, int]:
    """Count the texts that were not accepted until the snapshot was taken, by reason."""
    snapshot = session.get_one(Snapshot, snapshot_id)
    query = (
        select(
            DecisionEvent.action,
            DecisionEvent.reason,
            Batch.kind,
            func.count(DecisionEvent.caption_id.distinct()),
        )
        .join(Item, Item.id == DecisionEvent.item_id)
        .outerjoin(Batch, Batch.id == DecisionEvent.batch_id)
        .where(*_counted(snapshot), DecisionEvent.action.in_(("reject", "edit")))
        .where(DecisionEvent.caption_id.is_not(None))
        .group_by(DecisionEvent.action, DecisionEvent.reason, Batch.kind)
    )
    found: Counter[str] = Counter()
    for action, reason, kind, count in session.execute(query):
        if action == "edit":
            found[EDITED] += count
        else:
            found[reason or (BY_THRESHOLD if kind == "threshold" else NO_REASON)] += count
    return dict(sorted(found.items()))


def applied_rules(session: Session, *, snapshot_id: int) -> list[dict[str, Any]]:
    """Return what each threshold batch was applied with whose acceptances are in a snapshot."""
    query = (
        select(Batch.id, Batch.settings, Annotator.handle)
        .join(Annotator, Annotator.id == Batch.annotator_id)
        .where(
            Batch.kind == "threshold",
            select(SnapshotPair.position)
            .join(DecisionEvent, DecisionEvent.id == SnapshotPair.decision_id)
            .where(SnapshotPair.snapshot_id == snapshot_id, DecisionEvent.batch_id == Batch.id)
            .exists(),
        )
        .order_by(Batch.id)
    )
    return [
        {"batch": number, "applied_by": handle, **settings}
        for number, settings, handle in session.execute(query)
    ]


def double_verdicts(session: Session, *, snapshot_id: int) -> list[tuple[bool, bool]]:
    """Return (accepted by one, accepted by the other) of the two people with most texts in common.

    Only what they decided one by one, until the snapshot was taken; the newest verdict of each.
    """
    snapshot = session.get_one(Snapshot, snapshot_id)
    single_decisions = (
        *_counted(snapshot),
        DecisionEvent.action.in_(("accept", "reject")),
        DecisionEvent.batch_id.is_(None),
    )
    twice = (
        select(DecisionEvent.caption_id)
        .join(Item, Item.id == DecisionEvent.item_id)
        .where(*single_decisions)
        .group_by(DecisionEvent.caption_id)
        .having(func.count(DecisionEvent.annotator_id.distinct()) > 1)
    )
    query = (
        select(DecisionEvent.caption_id, DecisionEvent.annotator_id, DecisionEvent.action)
        .join(Item, Item.id == DecisionEvent.item_id)
        .where(*single_decisions, DecisionEvent.caption_id.in_(twice))
        .order_by(DecisionEvent.id)
    )
    verdicts: dict[int | None, dict[int, bool]] = {}
    for caption, annotator, action in session.execute(query):
        verdicts.setdefault(caption, {})[annotator] = action == "accept"
    shared: Counter[tuple[int, int]] = Counter()
    for people in verdicts.values():
        ordered = sorted(people)
        shared.update((one, two) for one in ordered for two in ordered if one < two)
    if not shared:
        return []
    first, second = min(shared, key=lambda pair: (-shared[pair], pair))
    return [
        (people[first], people[second])
        for people in verdicts.values()
        if first in people and second in people
    ]


def _counted(snapshot: Snapshot) -> tuple[ColumnElement[bool], ...]:
    """Return the decisions of its dataset that counted when the snapshot was taken."""
    undo, last = aliased(DecisionEvent), snapshot.last_decision_id
    undone = select(undo.id).where(undo.supersedes_id == DecisionEvent.id, undo.id <= last)
    return (
        Item.dataset_id == snapshot.dataset_id,
        DecisionEvent.id <= last,
        ~undone.exists(),
    )
