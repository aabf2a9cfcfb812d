"""Annotators: names, progress, agreement."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from blip2core.errors import StorageError
from blip2core.storage.bulk_insert import insert_missing
from blip2core.storage.schema import Annotator, DecisionEvent, Item, Verdict
from blip2core.texts import clean_text


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotatorProgress:
    """What one annotator has done in a dataset, decisions that were taken back left out."""

    handle: str
    display_name: str
    acts: dict[str, int]
    """Own decisions by action, without batches."""
    in_batches: int
    """Decisions made by batches."""
    items: int
    """Items decided on one by one."""
    last: datetime


def get_or_create_annotator(
    session: Session, *, handle: str, display_name: str | None = None
) -> Annotator:
    """Return the person of this handle, new where there is none; a display name given is taken
    over.

    StorageError where the handle is empty or longer than 80, or the person is no longer active.
    """
    handle = clean_text(handle)
    if not 0 < len(handle) <= 80:
        raise StorageError("A name has between 1 and 80 characters.")
    row = {"handle": handle, "display_name": display_name or handle, "active": True}
    insert_missing(session, Annotator, [row], unique=["handle"])
    found = session.scalars(select(Annotator).where(Annotator.handle == handle)).one()
    if not found.active:
        raise StorageError(f"{handle} is not active any more.")
    if display_name is not None:
        found.display_name = clean_text(display_name)[:200]
        session.flush()
    return found


def list_annotators(session: Session) -> list[Annotator]:
    """Return everybody who ever decided, by name."""
    return list(session.scalars(select(Annotator).order_by(Annotator.handle)))


def set_active(session: Session, *, annotator_id: int, active: bool) -> None:
    """Let a person decide, or not any more. People are never deleted: their decisions stay."""
    session.get_one(Annotator, annotator_id).active = active
    session.flush()


def annotator_progress(session: Session, *, dataset_id: int) -> list[AnnotatorProgress]:
    """Return each annotator who decided in a dataset, busiest first."""
    undo = aliased(DecisionEvent)
    alone = DecisionEvent.batch_id.is_(None)
    query = (
        select(
            Annotator.handle,
            Annotator.display_name,
            DecisionEvent.action,
            func.count().filter(alone),
            func.count().filter(~alone),
            func.max(DecisionEvent.created_at),
        )
        .join(Annotator, Annotator.id == DecisionEvent.annotator_id)
        .join(Item, Item.id == DecisionEvent.item_id)
        .where(
            Item.dataset_id == dataset_id,
            DecisionEvent.action != "undo",
            ~select(undo.id).where(undo.supersedes_id == DecisionEvent.id).exists(),
        )
        .group_by(Annotator.handle, Annotator.display_name, DecisionEvent.action)
    )
    items = _items_by_handle(session, dataset_id)
    rows: dict[str, list[tuple[str, str, int, int, datetime]]] = {}
    for handle, name, action, single, batched, last in session.execute(query):
        rows.setdefault(handle, []).append((name, action, single, batched, last))
    found = [
        AnnotatorProgress(
            handle=handle,
            display_name=parts[0][0],
            acts={action: single for _, action, single, _, _ in parts if single},
            in_batches=sum(batched for _, _, _, batched, _ in parts),
            items=items.get(handle, 0),
            last=max(last for *_, last in parts),
        )
        for handle, parts in rows.items()
    ]
    return sorted(found, key=lambda one: (-one.items, one.handle))


def _items_by_handle(session: Session, dataset_id: int) -> dict[str, int]:
    undo = aliased(DecisionEvent)
    query = (
        select(Annotator.handle, func.count(DecisionEvent.item_id.distinct()))
        .join(Annotator, Annotator.id == DecisionEvent.annotator_id)
        .join(Item, Item.id == DecisionEvent.item_id)
        .where(
            Item.dataset_id == dataset_id,
            DecisionEvent.batch_id.is_(None),
            DecisionEvent.action != "undo",
            ~select(undo.id).where(undo.supersedes_id == DecisionEvent.id).exists(),
        )
        .group_by(Annotator.handle)
    )
    return {handle: count for handle, count in session.execute(query)}


def verdict_pairs(
    session: Session, *, dataset_id: int, first_id: int, second_id: int
) -> list[tuple[bool, bool]]:
    """Return (accepted by the first, accepted by the second) for each text that both decided one by
    one.

    Batches do not count: a threshold agrees with itself.
    """
    first, second = aliased(Verdict), aliased(Verdict)
    event, other = aliased(DecisionEvent), aliased(DecisionEvent)
    query = (
        select(first.verdict, second.verdict)
        .join(second, second.caption_id == first.caption_id)
        .join(event, event.id == first.decision_id)
        .join(other, other.id == second.decision_id)
        .join(Item, Item.id == first.item_id)
        .where(
            Item.dataset_id == dataset_id,
            first.annotator_id == first_id,
            second.annotator_id == second_id,
            event.batch_id.is_(None),
            other.batch_id.is_(None),
        )
        .order_by(first.caption_id)
    )
    return [(one == "accept", two == "accept") for one, two in session.execute(query)]
