"""Which item is on screen in the review page of a browser session, and which comes next."""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass, field
from typing import Any

import streamlit
from sqlalchemy.orm import Session

from app.curator.context import DatasetContext
from blip2core.errors import StorageError, UnavailableError
from blip2core.storage.cards import Card, ShownText, card, release_lease, take_lease
from blip2core.storage.review import (
    Page,
    QueueFilter,
    ReviewOrder,
    review_queue,
    second_review_queue,
)

NEW_TEXT = 0
"""Stands for the number of a caption where a new text is written; the database counts from 1."""


@dataclass(slots=True)
class ReviewSession:
    """The place of one browser session in the review queue."""

    item_id: int | None = None
    cursor: str | None = None
    """Cursor of the queue behind the item on screen; None: its beginning."""
    earlier: list[int] = field(default_factory=list)
    """Items that were on screen before, oldest first: where Left goes."""
    later: list[int] = field(default_factory=list)
    """Items that Left went back from, nearest last: where Right goes."""
    chosen: int | None = None
    """Caption that A, X and E are about; None until an item with texts is on screen."""
    editing: int | None = None
    """Caption whose text is in the editor, or NEW_TEXT; None: the editor is closed."""
    typing: bool = False
    """The editor takes the keyboard when it opens; not where a stored draft opened it."""
    flagging: bool = False
    """The reasons of a flag are on screen."""
    version: int = 0
    """Row version of the item on screen after this person's newest decision; 0 without one."""
    event: str = ""
    """Id of the next decision: sent twice, as by a double click, it is one decision."""
    message: str = ""
    """What became of the latest key."""
    shown: Card | None = None
    """What was drawn last: it stays, with what is typed, while the database does not answer."""
    queue: tuple[int, int, ReviewRules] | None = None
    """Dataset, annotator and rules that the cursor belongs to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewRules:
    """Which items are reviewed, in which order."""

    order: ReviewOrder = "nearest"
    where: QueueFilter = QueueFilter()
    second: bool = False
    """The blind second review of items that others have reviewed."""


def why_empty(where: QueueFilter) -> str:
    """Return why a queue has no items to show."""
    if where.search or where.source or (where.lowest, where.highest) != (None, None):
        return "No image of this queue fits the search and the filters."
    return "Nothing is left in this queue, but for what others have on screen."


def review_session_of(context: DatasetContext, rules: ReviewRules) -> ReviewSession:
    """Return the review session of this browser session.

    A new one begins where dataset, person or rules changed.
    """
    queue = (context.dataset_id, context.annotator_id, rules)
    review: ReviewSession | None = streamlit.session_state.get("review")
    if review is None or review.queue != queue:
        first = review is None and streamlit.query_params.get("item", "")
        review = ReviewSession(queue=queue, event=new_event())
        if first and first.isdecimal():  # the address of a reload or a link names its item
            review.item_id = int(first)
        streamlit.session_state["review"] = review
    return review


def new_event() -> str:
    """Return a new id for one decision, batch or undo."""
    return uuid.uuid4().hex


def show_item(review: ReviewSession, item_id: int | None) -> None:
    """Put another item on screen; None: none."""
    review.item_id, review.chosen, review.editing = item_id, None, None
    review.typing = review.flagging = False
    review.version = 0
    review.event = new_event()


def current(context: DatasetContext, rules: ReviewRules, review: ReviewSession) -> Card | None:
    """Return the item on screen, or else the next one; None where the queue is empty.

    A draft of this person opens the editor again, also after a reload. Where the database does not
    answer, what was on screen stays, with a message. Raises UnavailableError where nothing was.
    """
    if review.item_id is None:
        advance(context, rules, review)
    if review.item_id is None:
        return None
    try:
        with context.database.read() as session:
            found = card(
                session,
                item_id=review.item_id,
                annotator_id=context.annotator_id,
                blind=rules.second,
            )
    except UnavailableError as error:
        if review.shown is None or review.shown.item_id != review.item_id:
            raise
        review.message = review.message or str(error)
        return review.shown
    except StorageError as error:  # the number came from the address of the page
        review.item_id, review.message = None, str(error)
        return None
    if found.dataset_id != context.dataset_id:
        review.item_id, review.message = None, "That image is in another dataset."
        return None
    if found.draft is not None and review.editing is None:
        review.editing = place_in_editor(found.draft.caption_id)
    if review.chosen not in {text.caption_id for text in found.texts}:
        review.chosen = _first_undecided(found, context.handle)
    review.shown = found
    return found


def advance(context: DatasetContext, rules: ReviewRules, review: ReviewSession) -> None:
    """Put the next item of the queue on screen, or none at its end.

    Where the database does not answer, the same item stays there with a message.
    """
    try:
        page = _following_page(context, rules, review)
    except UnavailableError as error:
        review.message = str(error)
        return
    following = [entry for entry in page.entries if entry.item_id != review.item_id]
    left = review.item_id
    if left is not None:
        review.earlier.append(left)
    show_item(review, following[0].item_id if following else None)
    review.cursor = page.next
    _lease(context, review, left)


def _following_page(context: DatasetContext, rules: ReviewRules, review: ReviewSession) -> Page:
    read_page = _second_queue_page if rules.second else _queue_page
    page = read_page(context, rules, review.cursor)
    if not page.entries and review.cursor is not None:  # what was left out may have come back
        page = read_page(context, rules, None)
    if page.next and [entry.item_id for entry in page.entries] == [review.item_id]:
        page = read_page(context, rules, page.next)
    return page


def go_back(review: ReviewSession) -> None:
    """Put the item on screen that was there before (Left)."""
    if review.earlier:
        if review.item_id is not None:
            review.later.append(review.item_id)
        show_item(review, review.earlier.pop())


def go_forward(context: DatasetContext, rules: ReviewRules, review: ReviewSession) -> None:
    """Put the item on screen that Left went back from, or else the next of the queue (Right)."""
    review.message = ""
    if review.later:
        if review.item_id is not None:
            review.earlier.append(review.item_id)
        show_item(review, review.later.pop())
    else:
        advance(context, rules, review)


def next_undecided(context: DatasetContext, rules: ReviewRules, review: ReviewSession) -> None:
    """Put the first item of the queue on screen, and forget what Left went back from (J)."""
    review.message, review.cursor = "", None
    review.later.clear()
    advance(context, rules, review)


def choose_text(review: ReviewSession, caption_id: int) -> None:
    """Choose the text that A, X and E are about (1 to 9)."""
    review.chosen = caption_id


def begin_edit(review: ReviewSession, caption_id: int | None) -> None:
    """Open the editor with a text, or without one (E)."""
    review.editing, review.typing, review.flagging = place_in_editor(caption_id), True, False


def place_in_editor(caption_id: int | None) -> int:
    """Return what the editor calls a caption: its number, or NEW_TEXT where there is none yet."""
    return NEW_TEXT if caption_id is None else caption_id


def set_flagging(review: ReviewSession, flagging: bool) -> None:
    """Show the reasons of a flag (F), or hide them."""
    review.flagging = flagging


def _queue_page(context: DatasetContext, rules: ReviewRules, cursor: str | None) -> Page:
    with context.database.read() as session:
        return review_queue(
            session,
            dataset_id=context.dataset_id,
            order=rules.order,
            where=rules.where,
            seed=context.annotator_id,
            after=cursor,
            limit=1,
        )


def _second_queue_page(context: DatasetContext, rules: ReviewRules, cursor: str | None) -> Page:
    with context.database.read() as session:
        return second_review_queue(
            session,
            dataset_id=context.dataset_id,
            annotator_id=context.annotator_id,
            after=cursor,
            limit=1,
        )


def _lease(context: DatasetContext, review: ReviewSession, left: int | None) -> None:
    """Keep the item on screen from others, and give back the one that was left.

    Where another person has it on screen too, a message says so; the row version keeps both safe.
    """
    who = context.annotator_id

    def unit(session: Session) -> None:
        if left is not None:
            release_lease(session, item_id=left, annotator_id=who)
        if review.item_id is not None:
            take_lease(session, item_id=review.item_id, annotator_id=who)

    try:
        context.database.run_write(unit)
    except StorageError as error:
        review.message = str(error)


def _first_undecided(shown: Card, handle: str) -> int | None:
    undecided = undecided_texts(shown, handle)
    texts = [text.caption_id for text in shown.texts]
    return undecided[0] if undecided else texts[0] if texts else None


def rules_as_json(rules: ReviewRules) -> dict[str, Any]:
    """Return the rules as the values that a batch stores of how its items were chosen."""
    return asdict(rules)


def undecided_texts(shown: Card, handle: str, *, but: int | None = None) -> list[int]:
    """Return the captions that this person has not decided about, highest ITM score first.

    `but` is left out.
    """
    return [
        text.caption_id
        for text in texts_by_score(shown)
        if text.caption_id != but and handle not in {said.handle for said in text.verdicts}
    ]


def texts_by_score(shown: Card) -> list[ShownText]:
    """Return the texts of an item, highest ITM score first, those without a score last."""
    return sorted(shown.texts, key=lambda text: -(text.itm.value if text.itm else -1))
