"""What the keys of the review page do. Streamlit's session state is its only memory."""

from __future__ import annotations

import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import streamlit
from sqlalchemy.orm import Session

from app.curator.context import PageContext
from blip2core.errors import ConflictError, StorageError
from blip2core.storage.cards import Card, card, drop_draft, release_lease, save_draft, take_lease
from blip2core.storage.decisions import NewDecision, Undone, record_decision, undo_last
from blip2core.storage.review import QueueFilter, ReviewOrder, review_queue, second_review_queue

Action = Literal["accept", "reject", "edit", "skip", "flag"]
REASONS = (
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
"""Why an item is flagged; keys 1 to 9 after F."""


@dataclass(slots=True)
class ReviewSession:
    """Where a curator is in the queue. One for each browser tab."""

    item_id: int | None = None
    cursor: str | None = None
    """Behind the item on screen, in the queue."""
    visited: list[int] = field(default_factory=list)
    """Items seen before it, oldest first."""
    ahead: list[int] = field(default_factory=list)
    """Items that Left went away from, nearest last."""
    chosen: int | None = None
    """Caption that A, X and E mean; None: the first that is undecided."""
    editing: int | None = None
    """Caption whose text is in the editor; 0 for a new text."""
    typing: bool = False
    """The cursor goes into the editor when it opens; not where a draft opened it by itself."""
    flagging: bool = False
    version: int = 0
    """Of the item on screen, after what this person did to it."""
    event: str = ""
    """Names the next decision: a double click is one decision."""
    message: str = ""
    rules: Any = None
    """Order and filter that the cursor belongs to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewRules:
    """Which items come, in which order."""

    order: ReviewOrder = "nearest"
    where: QueueFilter = QueueFilter()
    second: bool = False
    """The blind second review."""


def why_empty(where: QueueFilter) -> str:
    """What is said of a queue that has nothing to show."""
    if where.search or where.source or (where.lowest, where.highest) != (None, None):
        return "No image of this queue fits the search and the filters."
    return "Nothing is left in this queue, but for what others have on screen."


def review_session_of(context: PageContext, rules: ReviewRules) -> ReviewSession:
    """The walk of this tab, begun anew where dataset, person or rules changed."""
    key = (context.dataset_id, context.annotator_id, rules)
    review: ReviewSession | None = streamlit.session_state.get("review")
    if review is None or review.rules != key:
        first = review is None and streamlit.query_params.get("item", "")
        review = ReviewSession(rules=key, event=new_event())
        if first and first.isdecimal():  # a reload, or somebody's link, comes back to its item
            review.item_id = int(first)
        streamlit.session_state["review"] = review
    return review


def new_event() -> str:
    """An id for one act."""
    return uuid.uuid4().hex


def show_item(review: ReviewSession, item_id: int | None) -> None:
    """Put another item on screen."""
    review.item_id, review.chosen, review.editing = item_id, None, None
    review.typing = review.flagging = False
    review.version = 0
    review.event = new_event()


def current(context: PageContext, rules: ReviewRules, review: ReviewSession) -> Card | None:
    """The item on screen, or the next one; None where the queue is empty.

    A draft of this person opens the editor again, after a reload too.
    """
    if review.item_id is None and not advance(context, rules, review):
        return None
    try:
        with context.database.read() as session:
            found = card(
                session,
                item_id=review.item_id,
                annotator_id=context.annotator_id,
                blind=rules.second,
            )
    except StorageError as error:  # the number came from the address of the page
        review.item_id, review.message = None, str(error)
        return None
    if found.dataset_id != context.dataset_id:
        review.item_id, review.message = None, "That image is in another dataset."
        return None
    if found.draft is not None and review.editing is None:
        review.editing = found.draft.caption_id or 0
    if review.chosen not in {text.caption_id for text in found.texts}:
        review.chosen = _first_undecided(found, context.handle)
    return found


def advance(context: PageContext, rules: ReviewRules, review: ReviewSession) -> bool:
    """The next item of the queue comes on screen; False, and none, at its end."""
    queue = _second_queue if rules.second else _queue
    page = queue(context, rules, review.cursor)
    if not page.entries and review.cursor is not None:  # what was left out may have come back
        page = queue(context, rules, None)
    following = [entry for entry in page.entries if entry.item_id != review.item_id]
    left = review.item_id
    if left is not None:
        review.visited.append(left)
    show_item(review, following[0].item_id if following else None)
    review.cursor = page.next
    _hold(context, review, left)
    return review.item_id is not None


def go_back(review: ReviewSession) -> None:
    """Left: the item that was on screen before."""
    if review.visited:
        if review.item_id is not None:
            review.ahead.append(review.item_id)
        show_item(review, review.visited.pop())


def go_forward(context: PageContext, rules: ReviewRules, review: ReviewSession) -> None:
    """Right: back to where Left came from, else the next item of the queue."""
    review.message = ""
    if review.ahead:
        if review.item_id is not None:
            review.visited.append(review.item_id)
        show_item(review, review.ahead.pop())
    else:
        advance(context, rules, review)


def next_undone(context: PageContext, rules: ReviewRules, review: ReviewSession) -> None:
    """J: the next item that nobody has decided, whatever Left and the filters left behind."""
    review.message, review.cursor = "", None
    review.ahead.clear()
    advance(context, rules, review)


def pick(review: ReviewSession, caption_id: int) -> None:
    """1 to 9: the text that A, X and E mean."""
    review.chosen = caption_id


def begin_edit(review: ReviewSession, caption_id: int | None) -> None:
    """E: the text goes into the editor; without one, an empty box."""
    review.editing, review.typing, review.flagging = caption_id or 0, True, False


def decide(
    context: PageContext,
    rules: ReviewRules,
    review: ReviewSession,
    shown: Card,
    action: Action,
    *,
    text: str | None = None,
    reason: str | None = None,
    stay: bool = False,
) -> None:
    """A, X, S, F and Ctrl+Enter: store the decision, then the next text or item comes.

    It is on disk when this returns. Where somebody else was first, nothing is stored, and the page
    says so. A key that comes after the next item has taken the place of `shown` was meant for
    neither, and does nothing.
    """
    if shown.item_id != review.item_id:
        return
    caption_id = review.editing or None if action == "edit" else review.chosen
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
    try:
        stored = context.database.run_write(lambda session: record_decision(session, new))
    except (ConflictError, StorageError) as error:
        review.message, review.event = str(error), new_event()
        return
    review.message, review.event, review.editing = "", new_event(), None
    review.version = stored.row_version
    if stay:
        review.flagging = False
    elif action == "reject" and (rest := _others_undecided(shown, caption_id, context.handle)):
        review.chosen = rest[0]
    else:
        advance(context, rules, review)


def undo(context: PageContext, review: ReviewSession) -> Undone | None:
    """Z: this person's newest act in the dataset is taken back, also one before a restart."""
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
        return None
    if undone is None:
        review.message = "There is nothing to undo."
        return None
    if review.item_id is not None and review.item_id not in undone.item_ids:
        review.ahead.append(review.item_id)
    show_item(review, undone.item_ids[0])
    many = f"a batch of {undone.decisions:,}" if undone.batch_uid else undone.action
    review.message = f"Undone: {many}."
    return undone


def keep_draft(context: PageContext, shown: Card, draft: dict[str, Any] | None) -> None:
    """What was typed so far, under the item and text it belongs to; who types keeps the item."""
    if not draft or draft.get("item") != shown.item_id or not isinstance(draft.get("text"), str):
        return
    mine = {"item_id": shown.item_id, "annotator_id": context.annotator_id}

    def unit(session: Session) -> None:
        save_draft(session, **mine, text=draft["text"], caption_id=draft.get("caption") or None)
        with suppress(ConflictError):
            take_lease(session, **mine)

    context.database.run_write(unit)


def drop_edit(context: PageContext, review: ReviewSession, shown: Card) -> None:
    """The editor closes, and what was typed goes."""
    review.editing = None
    context.database.run_write(
        lambda session: drop_draft(
            session, item_id=shown.item_id, annotator_id=context.annotator_id
        )
    )


def _queue(context: PageContext, rules: ReviewRules, cursor: str | None) -> Any:
    with context.database.read() as session:
        return review_queue(
            session,
            dataset_id=context.dataset_id,
            order=rules.order,
            where=rules.where,
            seed=context.annotator_id,
            after=cursor,
            limit=2,
        )


def _second_queue(context: PageContext, rules: ReviewRules, cursor: str | None) -> Any:
    with context.database.read() as session:
        return second_review_queue(
            session,
            dataset_id=context.dataset_id,
            annotator_id=context.annotator_id,
            after=cursor,
            limit=2,
        )


def _hold(context: PageContext, review: ReviewSession, left: int | None) -> None:
    """Others get the item that was left, and not this one. Where one has it, deciding is safe."""
    who = context.annotator_id

    def unit(session: Session) -> None:
        if left is not None:
            release_lease(session, item_id=left, annotator_id=who)
        if review.item_id is not None:
            take_lease(session, item_id=review.item_id, annotator_id=who)

    try:
        context.database.run_write(unit)
    except ConflictError as error:
        review.message = str(error)


def _first_undecided(shown: Card, handle: str) -> int | None:
    undecided = _others_undecided(shown, None, handle)
    texts = [text.caption_id for text in shown.texts]
    return undecided[0] if undecided else texts[0] if texts else None


def _others_undecided(shown: Card, but: int | None, handle: str) -> list[int]:
    """Texts this person has not judged, other than one, likeliest first."""
    ranked = sorted(shown.texts, key=lambda text: -(text.itm.value if text.itm else -1))
    return [
        text.caption_id
        for text in ranked
        if text.caption_id != but and handle not in {said.handle for said in text.verdicts}
    ]


def _seen(context: PageContext, shown: Card) -> dict[str, Any]:
    """What was on screen, kept with the decision."""
    scores = {
        str(text.caption_id): {
            head: score.value
            for head, score in (("itm", text.itm), ("itc", text.itc))
            if score is not None
        }
        for text in shown.texts
    }
    return {"threshold": context.threshold, "scores": scores}


def as_plain(rules: ReviewRules) -> dict[str, Any]:
    """For a batch's record of what chose its items."""
    return asdict(rules)
