"""The status of each item, by the decisions that count."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, aliased

from blip2core.storage.bulk_insert import chunks
from blip2core.storage.schema import (
    AuditItem,
    Batch,
    Caption,
    Dataset,
    DecisionEvent,
    Item,
    Verdict,
)
from blip2core.storage.verdicts import project_verdicts


@dataclass(slots=True)
class _Standing:
    """What the status of one item depends on."""

    overlap: int
    captions: int
    verdicts: dict[int, dict[int, str]] = field(default_factory=dict)
    """annotator -> caption -> verdict"""
    last: str = ""
    """accept, reject, edit, skip or flag: the newest act that counts."""
    is_audit: bool = False
    """Drawn for an audit, and no person has decided it since."""


def refresh_items(session: Session, *, item_ids: Sequence[int]) -> None:
    """Bring verdicts and status of these items up to date with the log of decisions."""
    for chunk in chunks(item_ids):
        project_verdicts(session, item_ids=chunk)
        standings = _standings(session, chunk)
        by_status: dict[str, list[int]] = {}
        for item_id, standing in standings.items():
            by_status.setdefault(status_of(standing), []).append(item_id)
        for status, same in by_status.items():
            query = update(Item).where(Item.id.in_(same), Item.status != "excluded")
            session.execute(query.values(status=status))


def status_of(standing: _Standing) -> str:
    """Return the status of an item.

    An annotator is done with an item once a text of it is accepted, or all have a verdict.
    """
    verdicts = standing.verdicts
    through = [
        annotator
        for annotator, said in verdicts.items()
        if "accept" in said.values() or len(said) >= standing.captions
    ]
    if standing.last == "flag":
        return "flagged"
    if _disagree(verdicts):
        return "conflict"
    if standing.is_audit:
        return "audit"
    if len(through) >= standing.overlap:
        return "decided"
    if through:
        return "partial"
    return "skipped" if standing.last == "skip" else "pending"


def _disagree(verdicts: dict[int, dict[int, str]]) -> bool:
    said: dict[int, set[bool]] = {}
    for by_caption in verdicts.values():
        for caption, verdict in by_caption.items():
            said.setdefault(caption, set()).add(verdict == "accept")
    return any(len(answers) == 2 for answers in said.values())


def _standings(session: Session, item_ids: Sequence[int]) -> dict[int, _Standing]:
    counted = (
        select(Item.id, Dataset.overlap, func.count(Caption.id))
        .join(Dataset, Dataset.id == Item.dataset_id)
        .outerjoin(Caption, Caption.item_id == Item.id)
        .where(Item.id.in_(item_ids))
        .group_by(Item.id, Dataset.overlap)
    )
    found = {item: _Standing(overlap, count) for item, overlap, count in session.execute(counted)}
    verdicts = select(
        Verdict.item_id, Verdict.annotator_id, Verdict.caption_id, Verdict.verdict
    ).where(Verdict.item_id.in_(item_ids))
    for item, annotator, caption, verdict in session.execute(verdicts):
        found[item].verdicts.setdefault(annotator, {})[caption] = verdict
    audited = _effective_audits(session, item_ids)
    for item, decision_id, action, batch_id in _effective(session, item_ids):
        found[item].last = action
        if item in audited and batch_id is None and decision_id > audited[item]:
            del audited[item]
    for item in audited:
        found[item].is_audit = True
    return found


def _effective(session: Session, item_ids: Sequence[int]) -> list[tuple[int, int, str, int | None]]:
    """Return (item, decision, action, batch) of the decisions that count, oldest first."""
    undo = aliased(DecisionEvent)
    query = (
        select(
            DecisionEvent.item_id,
            DecisionEvent.id,
            DecisionEvent.action,
            DecisionEvent.batch_id,
        )
        .outerjoin(undo, undo.supersedes_id == DecisionEvent.id)
        .where(
            DecisionEvent.item_id.in_(item_ids),
            DecisionEvent.action != "undo",
            undo.id.is_(None),
        )
        .order_by(DecisionEvent.id)
    )
    return [(item, decision, act, batch) for item, decision, act, batch in session.execute(query)]


def _effective_audits(session: Session, item_ids: Sequence[int]) -> dict[int, int]:
    """Return item -> the newest decision of the batch that drew it for an audit, if not undone."""
    undone = aliased(Batch)
    query = (
        select(AuditItem.item_id, func.max(DecisionEvent.id))
        .join(
            DecisionEvent,
            (DecisionEvent.batch_id == AuditItem.batch_id)
            & (DecisionEvent.item_id == AuditItem.item_id),
        )
        .outerjoin(undone, undone.undoes_id == AuditItem.batch_id)
        .where(AuditItem.item_id.in_(item_ids), undone.id.is_(None))
        .group_by(AuditItem.item_id)
    )
    return {item: decision for item, decision in session.execute(query)}
