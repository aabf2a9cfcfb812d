"""What the keys of the review page store: decisions, their undo, and drafts."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from sqlalchemy.orm import Session

from app.curator.context import DatasetContext
from app.curator.review_session import (
    NEW_TEXT,
    ReviewRules,
    ReviewSession,
    advance,
    new_event,
    show_item,
    undecided_texts,
)
from blip2core.errors import ConflictError, StorageError
from blip2core.storage.cards import Card, drop_draft, save_draft, take_lease
from blip2core.storage.decisions import (
    Action,
    NewDecision,
    Recorded,
    record_decision,
    undo_last,
)
from blip2core.storage.missing_images import refuse_missing_images

FLAG_REASONS = (
    "not safe",
    "watermark",
    "person who can be recognised",
    "broken image",
    "duplicate",
    "licence",
    "cannot tell",
    "text in image",
    "other",
)
"""Why an item is flagged: the keys 1 to 9 after F."""
DRAFT_NOT_STORED = "Your text is not stored yet; it stays in the editor."


def decide_item(
    context: DatasetContext,
    rules: ReviewRules,
    review: ReviewSession,
    shown: Card,
    action: Action,
    *,
    text: str | None = None,
    reason: str | None = None,
    stay: bool = False,
) -> None:
    """Store a decision about `shown`, then go to the next text or item (A, X, S, F, Ctrl+Enter).

    It is on disk when this returns. Where somebody else was first, or a text would be accepted
    whose image is missing, nothing is stored, and a message says so. Where `shown` is no longer on
    screen the key came too late, and nothing happens.
    """
    if shown.item_id != review.item_id:
        return
    if action == "edit":
        caption_id = None if review.editing == NEW_TEXT else review.editing
    else:
        caption_id = review.chosen
    new = NewDecision(
        client_event_id=review.event,
        item_id=shown.item_id,
        annotator_id=context.annotator_id,
        action=action,
        caption_id=caption_id if action in ("accept", "reject", "edit") else None,
        text=text,
        row_version=max(shown.row_version, review.version),
        round=2 if rules.second else 1,
        reason=reason,
        seen=_seen(context, shown),
    )

    def unit(session: Session) -> Recorded:
        if action in ("accept", "edit"):
            images = context.database.images
            refuse_missing_images(session, images, item_ids=[new.item_id])
        return record_decision(session, new)

    try:
        stored = context.database.run_write(unit)
    except StorageError as error:
        review.message, review.event = str(error), new_event()
        return
    review.message, review.event, review.editing = "", new_event(), None
    review.version = stored.row_version
    if stay:
        review.flagging = False
    elif action == "reject" and (rest := undecided_texts(shown, context.handle, but=caption_id)):
        review.chosen = rest[0]
    else:
        advance(context, rules, review)


def save_edit(
    context: DatasetContext,
    rules: ReviewRules,
    review: ReviewSession,
    shown: Card,
    saved: dict[str, Any] | None,
) -> None:
    """Store the text of the editor as a decision (Ctrl+Enter).

    A text that names another item or caption than the open editor is dropped.
    """
    if not saved or review.editing is None:
        return
    if (saved.get("item"), saved.get("caption")) == (shown.item_id, review.editing):
        decide_item(context, rules, review, shown, "edit", text=str(saved.get("text", "")))


def undo_latest(context: DatasetContext, review: ReviewSession) -> None:
    """Take back this person's newest act in the dataset, also one before a restart (Z)."""
    event = new_event()
    try:
        undone = context.database.run_write(
            lambda session: undo_last(
                session,
                annotator_id=context.annotator_id,
                client_event_id=event,
                dataset_id=context.dataset_id,
            )
        )
    except StorageError as error:
        review.message = str(error)
        return
    if undone is None:
        review.message = "There is nothing to undo."
        return
    if review.item_id is not None and review.item_id not in undone.item_ids:
        review.later.append(review.item_id)
    show_item(review, undone.item_ids[0])
    many = f"a batch of {undone.decisions:,}" if undone.batch_uid else undone.action
    review.message = f"Undone: {many}."


def keep_draft(
    context: DatasetContext, review: ReviewSession, shown: Card, draft: dict[str, Any] | None
) -> None:
    """Store what was typed so far for `shown`, and keep the item from others.

    A draft that names another item, or none, is dropped. Where it cannot be stored, a message says
    so; the editor keeps the text, and sends it again with the next word.
    """
    if not draft or draft.get("item") != shown.item_id or not isinstance(draft.get("text"), str):
        return
    text, caption_id = draft["text"], draft.get("caption")
    if caption_id == NEW_TEXT:
        caption_id = None
    item_id, annotator_id = shown.item_id, context.annotator_id

    def unit(session: Session) -> None:
        save_draft(
            session, item_id=item_id, annotator_id=annotator_id, text=text, caption_id=caption_id
        )
        with suppress(ConflictError):
            take_lease(session, item_id=item_id, annotator_id=annotator_id)

    try:
        context.database.run_write(unit)
    except StorageError as error:
        review.message = f"{error} {DRAFT_NOT_STORED}"
        return
    if review.message.endswith(DRAFT_NOT_STORED):
        review.message = ""


def drop_edit(context: DatasetContext, review: ReviewSession, shown: Card) -> None:
    """Close the editor and delete the draft."""
    review.editing = None
    try:
        context.database.run_write(
            lambda session: drop_draft(
                session, item_id=shown.item_id, annotator_id=context.annotator_id
            )
        )
    except StorageError as error:
        review.message = str(error)


def _seen(context: DatasetContext, shown: Card) -> dict[str, Any]:
    """Return what was on screen, which is stored with the decision."""
    scores = {
        str(text.caption_id): {
            head: score.value
            for head, score in (("itm", text.itm), ("itc", text.itc))
            if score is not None
        }
        for text in shown.texts
    }
    return {"threshold": context.threshold, "scores": scores}
