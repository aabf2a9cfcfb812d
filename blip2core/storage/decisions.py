"""Decisions of annotators, one at a time: a log that only grows, and its undo."""

import hashlib
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, aliased

from blip2core.errors import ConflictError, StorageError
from blip2core.storage.batches import UndoneBatch, undo_batch
from blip2core.storage.schema import Annotator, Batch, Caption, DecisionEvent, Draft, Item
from blip2core.storage.statuses import refresh_items
from blip2core.texts import clean_text

Action = Literal["accept", "reject", "edit", "skip", "flag"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDecision:
    """One act, as the page that showed the card sends it."""

    client_event_id: str
    """Made when the card was drawn: the same id twice is one decision."""
    item_id: int
    annotator_id: int
    action: Action
    caption_id: int | None = None
    """The text that is meant; none for skip, flag, and an edit that starts from nothing."""
    text: str | None = None
    """The new text of an edit."""
    row_version: int | None = None
    """The version of the item that was on screen; None does not look at it."""
    round: int = 1
    """2 in the blind second review."""
    reason: str | None = None
    note: str | None = None
    seen: dict[str, Any] | None = None
    """What was on screen: threshold, scores, order of the texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A stored decision."""

    decision_id: int
    item_id: int
    caption_id: int | None
    """The text that was meant; of an edit, the new one."""
    row_version: int
    """Of the item, now."""
    status: str
    """Of the item, now."""
    repeated: bool
    """It had been stored before; nothing changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone:
    """What an undo took back."""

    item_ids: tuple[int, ...]
    """The items to show again; of a batch, the first ones."""
    decisions: int
    """How many were taken back: more than one for a batch."""
    action: str
    batch_uid: str | None = None


def record_decision(session: Session, new: NewDecision) -> Recorded:
    """Add one decision; an edit also adds its text, accepted, with the old one as parent.

    ConflictError where the item changed since it was shown; StorageError where the caption is of
    another item, the image was taken down, or the client event id stands for something else.
    """
    item = _lock(session, new.item_id)
    known = session.scalar(
        select(DecisionEvent).where(DecisionEvent.client_event_id == new.client_event_id)
    )
    if known is not None:
        return _repeated(known, new, item)
    if item.status == "excluded":
        raise StorageError(f"Image {item.id} was taken down; nothing is decided about it.")
    if new.row_version is not None and new.row_version != item.row_version:
        raise ConflictError(_who_was_first(session, item))
    if new.caption_id is not None:
        caption = session.get(Caption, new.caption_id)
        if caption is None or caption.item_id != item.id:
            raise StorageError(f"Text {new.caption_id} does not belong to item {item.id}.")
    event = DecisionEvent(
        client_event_id=new.client_event_id,
        item_id=item.id,
        annotator_id=new.annotator_id,
        action=new.action,
        caption_id=new.caption_id,
        result_caption_id=_edited(session, new) if new.action == "edit" else None,
        round=new.round,
        reason=clean_text(new.reason)[:200] if new.reason else None,
        note=clean_text(new.note) if new.note else None,
        seen=new.seen or {},
    )
    session.add(event)
    _forget_draft(session, new)
    _touch(session, item)
    return _recorded(event, item, repeated=False)


def undo_last(
    session: Session, *, annotator_id: int, client_event_id: str, dataset_id: int | None = None
) -> Undone | None:
    """Take back the newest act of an annotator that counts, a batch as a whole -> what it was.

    None where there is nothing left. The log remembers, so it works after a restart as well.
    """
    known = session.scalar(
        select(DecisionEvent).where(DecisionEvent.client_event_id == client_event_id)
    )
    if known is not None:  # the same click again
        return Undone(item_ids=(known.item_id,), decisions=0, action="undo")
    if session.scalar(select(Batch.id).where(Batch.uid == client_event_id)) is not None:
        return Undone(item_ids=(), decisions=0, action="undo")
    target = _newest_that_counts(session, annotator_id, dataset_id)
    if target is None:
        return None
    if target.batch_id is not None:
        batch = undo_batch(
            session, batch_id=target.batch_id, annotator_id=annotator_id, uid=client_event_id
        )
        return _undone(batch)
    item = _lock(session, target.item_id)
    session.add(
        DecisionEvent(
            client_event_id=client_event_id,
            item_id=item.id,
            annotator_id=annotator_id,
            action="undo",
            supersedes_id=target.id,
            round=target.round,
        )
    )
    _touch(session, item)
    return Undone(item_ids=(item.id,), decisions=1, action=target.action)


def _newest_that_counts(
    session: Session, annotator_id: int, dataset_id: int | None
) -> DecisionEvent | None:
    undo = aliased(DecisionEvent)
    query = select(DecisionEvent).where(
        DecisionEvent.annotator_id == annotator_id,
        DecisionEvent.action != "undo",
        ~select(undo.id).where(undo.supersedes_id == DecisionEvent.id).exists(),
    )
    if dataset_id is not None:
        query = query.join(Item, Item.id == DecisionEvent.item_id)
        query = query.where(Item.dataset_id == dataset_id)
    return session.scalar(query.order_by(DecisionEvent.id.desc()).limit(1))


def _lock(session: Session, item_id: int) -> Item:
    """Lock an item and return it as it is now: decisions on it happen one after the other.

    Rows that only refer to the item, as pairs of a snapshot do, may be added meanwhile.
    """
    query = select(Item).where(Item.id == item_id).with_for_update(key_share=True)
    item = session.scalar(query.execution_options(populate_existing=True))
    if item is None:
        raise StorageError(f"There is no item number {item_id}.")
    return item


def _touch(session: Session, item: Item) -> None:
    item.row_version += 1
    session.flush()
    refresh_items(session, item_ids=[item.id])
    session.refresh(item)


def _repeated(known: DecisionEvent, new: NewDecision, item: Item) -> Recorded:
    same = (known.item_id, known.annotator_id, known.action, known.caption_id) == (
        new.item_id,
        new.annotator_id,
        new.action,
        new.caption_id,
    )
    if not same:
        raise StorageError("This event id stands for another decision; load the page again.")
    return _recorded(known, item, repeated=True)


def _recorded(event: DecisionEvent, item: Item, *, repeated: bool) -> Recorded:
    return Recorded(
        decision_id=event.id,
        item_id=item.id,
        caption_id=event.result_caption_id or event.caption_id,
        row_version=item.row_version,
        status=item.status,
        repeated=repeated,
    )


def _edited(session: Session, new: NewDecision) -> int:
    text = clean_text(new.text or "")
    if not text:
        raise StorageError("The text is empty; write one, or reject the old.")
    event = hashlib.sha256(new.client_event_id.encode()).hexdigest()[:32]
    caption = Caption(
        item_id=new.item_id,
        source="human" if new.caption_id is None else "edited",
        origin_key=f"edit:{new.caption_id or 0}:{event}",
        text=text,
        author_id=new.annotator_id,
        parent_id=new.caption_id,
    )
    session.add(caption)
    session.flush()
    return caption.id


def _forget_draft(session: Session, new: NewDecision) -> None:
    if new.action in ("accept", "edit"):
        session.execute(
            delete(Draft).where(
                Draft.item_id == new.item_id, Draft.annotator_id == new.annotator_id
            )
        )


def _who_was_first(session: Session, item: Item) -> str:
    query = (
        select(Annotator.handle, DecisionEvent.action)
        .join(DecisionEvent, DecisionEvent.annotator_id == Annotator.id)
        .where(DecisionEvent.item_id == item.id)
        .order_by(DecisionEvent.id.desc())
        .limit(1)
    )
    found = session.execute(query).first()
    who, what = found if found is not None else ("Somebody", "change")
    return f"{who} was first ({what}); nothing was overwritten, look at the item again."


def _undone(batch: UndoneBatch) -> Undone:
    return Undone(
        item_ids=batch.first_items,
        decisions=batch.decisions,
        action=batch.kind,
        batch_uid=batch.uid,
    )
