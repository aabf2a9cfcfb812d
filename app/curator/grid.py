"""The grid of the review page: decide about many images at once, and undo it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Literal

import streamlit as st
from sqlalchemy.orm import Session

from app.curator.batches import batch_line, take_back
from app.curator.context import DatasetContext
from app.curator.pager import draw_pager
from app.curator.review_session import (
    ReviewRules,
    new_event,
    rules_as_json,
    texts_by_score,
    why_empty,
)
from app.curator.thumbnails import shown_image
from app.curator.workbench_link import draw_workbench_link
from app.escaping import escape_markdown
from blip2core.errors import StorageError
from blip2core.storage.batches import (
    Choice,
    NewBatch,
    decide_many,
    ensure_unchanged,
    list_batches,
)
from blip2core.storage.cards import Card, card
from blip2core.storage.missing_images import with_images
from blip2core.storage.review import QueueEntry, review_queue
from blip2core.texts import count_of

BatchAction = Literal["accept", "reject"]
_TILES, _ACROSS = 24, 6
"""Tiles of a page, and of a row of it."""
_TILE_SIDE = 260
"""Longer edge, in pixels, of the image of a tile."""


def draw_grid(context: DatasetContext, rules: ReviewRules) -> None:
    """Draw a page of the queue as tiles, and the buttons that decide about the chosen ones."""
    state = st.session_state
    if state.get("grid-rules") != (context.dataset_id, rules):
        state["grid-rules"], state["grid-pages"] = (context.dataset_id, rules), [None]
    if message := state.pop("grid-message", ""):
        st.info(escape_markdown(message))
    pages: list[str | None] = state["grid-pages"]
    try:
        with context.database.read() as session:
            page = review_queue(
                session,
                dataset_id=context.dataset_id,
                order=rules.order,
                where=replace(rules.where, free_for=None),  # what others have on screen, too
                seed=context.annotator_id,
                after=pages[-1],
                limit=_TILES,
            )
            cards = {
                entry.item_id: card(
                    session, item_id=entry.item_id, annotator_id=context.annotator_id
                )
                for entry in page.entries
            }
    except StorageError as error:
        st.error(escape_markdown(str(error)))
        return
    if not page.entries:
        st.info(why_empty(rules.where))
    _draw_tiles(context, page.entries, cards)
    chosen = _chosen(cards)
    _draw_buttons(context, rules, len(chosen), cards)
    draw_pager(pages, page.next, label="Next page", key="grid")
    _draw_batches(context)


def _draw_tiles(
    context: DatasetContext, entries: tuple[QueueEntry, ...], cards: dict[int, Card]
) -> None:
    for start in range(0, len(entries), _ACROSS):
        for column, entry in zip(
            st.columns(_ACROSS), entries[start : start + _ACROSS], strict=False
        ):
            with column, st.container(border=True):
                image = shown_image(
                    context.database.images, entry.image_sha256, entry.format, _TILE_SIDE
                )
                if isinstance(image, bytes):
                    st.image(image, width="stretch", alt=f"Image {entry.item_id}")
                best = best_text(cards[entry.item_id])
                st.text(best[1] if best else "(no text)")
                st.checkbox(
                    f"#{entry.item_id}" + (f", ITM {entry.best:.2f}" if entry.best >= 0 else ""),
                    key=f"tile-{entry.item_id}",
                )
                draw_workbench_link(entry.item_id, best[0] if best else None)


def best_text(shown: Card) -> tuple[int, str] | None:
    """Return caption and words of the text with the highest ITM score; None without texts."""
    ranked = texts_by_score(shown)
    return (ranked[0].caption_id, ranked[0].text) if ranked else None


def choices_for(cards: list[Card], action: BatchAction) -> list[Choice]:
    """Return what is decided: accept the best text of each image, or reject every text of each."""
    if action == "accept":
        return [
            Choice(item_id=one.item_id, caption_id=best[0], action="accept")
            for one in cards
            if (best := best_text(one))
        ]
    return [
        Choice(item_id=one.item_id, caption_id=text.caption_id, action="reject")
        for one in cards
        for text in one.texts
    ]


def _draw_buttons(
    context: DatasetContext, rules: ReviewRules, chosen: int, cards: Mapping[int, Card]
) -> None:
    whole, accept, reject = st.columns([2, 3, 3])
    whole.button(
        "Choose all" if chosen < len(cards) else "Choose none",
        on_click=partial(_choose, cards, chosen < len(cards)),
        disabled=not cards,
    )
    accept.button(
        f"Accept the best text of {chosen}",
        type="primary",
        disabled=not chosen,
        on_click=partial(decide_chosen, context, rules, cards, "accept"),
    )
    reject.button(
        f"Reject every text of {chosen}",
        disabled=not chosen,
        on_click=partial(decide_chosen, context, rules, cards, "reject"),
    )


def _chosen(cards: Mapping[int, Card]) -> list[Card]:
    """Return those that are ticked at this moment."""
    return [one for item, one in cards.items() if st.session_state.get(f"tile-{item}")]


def _choose(item_ids: Iterable[int], chosen: bool) -> None:
    for item_id in item_ids:
        st.session_state[f"tile-{item_id}"] = chosen


def decide_chosen(
    context: DatasetContext,
    rules: ReviewRules,
    cards: Mapping[int, Card],
    action: BatchAction,
) -> None:
    """Decide about the chosen ones of these images as one batch, which is on disk when this
    returns.
    """
    chosen = _chosen(cards)
    if not chosen:  # the last tick was taken away just before
        return
    choices = choices_for(chosen, action)
    new = NewBatch(
        uid=new_event(),
        dataset_id=context.dataset_id,
        annotator_id=context.annotator_id,
        settings=rules_as_json(rules) | {"action": action},
    )

    def unit(session: Session) -> None:
        ensure_unchanged(session, versions={one.item_id: one.row_version for one in chosen})
        checked = with_images(session, context.database.images, choices)
        decide_many(session, new, choices=checked, expected=len(choices))

    try:
        context.database.run_write(unit)
        decided = f"{count_of(len(choices), 'text')}: {action}."
        message = f"{decided} Undo it below, or with Z in the other view."
    except StorageError as error:
        message = str(error)
    st.session_state["grid-message"] = message
    _choose([one.item_id for one in chosen], False)


def _draw_batches(context: DatasetContext) -> None:
    """Draw the newest batches, each with a button that undoes it."""
    with context.database.read() as session:
        batches = list_batches(session, dataset_id=context.dataset_id, limit=10)
    if not batches:
        return
    with st.expander("Batches"):
        for one in batches:
            what, act = st.columns([6, 2], vertical_alignment="center")
            what.text(batch_line(one, one.batch.kind))
            act.button(
                "Undo the batch",
                key=f"undo-batch-{one.batch.id}",
                disabled=one.undone,
                on_click=partial(undo_grid_batch, context, one.batch.id),
            )


def undo_grid_batch(context: DatasetContext, batch_id: int) -> None:
    """Take back a whole batch."""
    st.session_state["grid-message"] = take_back(context, batch_id)
