"""The review page: one image with its candidate texts, and a key for every decision."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from html import escape

import streamlit as st

from app.curator.candidate_html import doubt_of, text_html
from app.curator.context import DatasetContext, context_with_dataset, draw_progress
from app.curator.grid import draw_grid
from app.curator.outages import tells_outages
from app.curator.review_buttons import draw_controls
from app.curator.review_decisions import undo_latest
from app.curator.review_filters import draw_filters, draw_guidelines
from app.curator.review_session import (
    ReviewRules,
    ReviewSession,
    advance,
    choose_text,
    current,
    review_session_of,
    why_empty,
)
from app.curator.thumbnails import shown_image
from app.curator.workbench_link import draw_workbench_link
from app.escaping import escape_markdown
from blip2core.errors import UnavailableError
from blip2core.storage.cards import Card

_IMAGE_SIDE = 900
"""Longer edge, in pixels, of the image."""


def render(context: DatasetContext) -> None:
    """Draw the page."""
    with st.container(key="filters"):
        rules, grid = draw_filters(context)
    draw_guidelines(context)
    if grid and rules.second:
        st.info("The second review is blind, so it goes image by image.")
    elif grid:
        draw_grid(context, rules)
        return
    draw_one(context, rules)


@st.fragment
@tells_outages
def draw_one(context: DatasetContext, rules: ReviewRules) -> None:
    """Draw one item. As this is a fragment, a key draws only it again, not the whole page."""
    review = review_session_of(context, rules)
    shown = current(context, rules, review)
    if review.message:
        st.info(escape_markdown(review.message))
    with suppress(UnavailableError):  # its sentence is in the message
        draw_progress(context)
    if shown is None:
        st.query_params.pop("item", None)
        draw_end(context, rules, review)
        return
    st.query_params["item"] = str(shown.item_id)
    if shown.state == "purged":
        st.info(f"Image {shown.item_id} was taken down.")
        draw_way_on(context, rules, review)
        return
    left, right = st.columns([4, 6], gap="large")
    with left:
        draw_image(context, shown)
    with right:
        draw_texts(context, review, shown)
    draw_controls(context, rules, review, shown)
    draw_history(shown)
    draw_workbench_link(shown.item_id, review.chosen)
    st.page_link(
        "views/takedown.py",
        label="Take this image down …",
        query_params={"image": str(shown.item_id)},
    )


def draw_end(context: DatasetContext, rules: ReviewRules, review: ReviewSession) -> None:
    """Say why there is no item."""
    st.info(why_empty(rules.where))
    draw_way_on(context, rules, review, label="Look again")


def draw_way_on(
    context: DatasetContext, rules: ReviewRules, review: ReviewSession, *, label: str = "Next"
) -> None:
    """Draw the buttons that work without an image: the next item, and undo."""
    buttons = st.columns(4)
    buttons[0].button(label, on_click=partial(advance, context, rules, review), shortcut="J")
    buttons[1].button("Undo", on_click=partial(undo_latest, context, review), shortcut="Z")


def draw_image(context: DatasetContext, shown: Card) -> None:
    """Draw the image, and where it was found."""
    image = shown_image(context.database.images, shown.image_sha256, shown.format, _IMAGE_SIDE)
    if isinstance(image, bytes):
        st.image(image, width="stretch", alt=f"Image {shown.item_id}")
    else:
        st.warning(image)
    facts = [f"#{shown.item_id}", f"{shown.width} × {shown.height}", shown.format, shown.status]
    for source in shown.sources:
        facts += [part for part in (source.name, source.url, source.license) if part]
    st.html(f'<p class="facts">{escape(" · ".join(facts))}</p>')
    if shown.held_by:
        st.warning(f"{escape_markdown(shown.held_by)} has this image on screen, too.")


def draw_texts(context: DatasetContext, review: ReviewSession, shown: Card) -> None:
    """Draw all candidate texts, oldest first."""
    if not shown.texts:
        st.info("There is no text yet. E writes one.")
    if doubt := doubt_of(shown, context.own_caption_itc):
        st.warning(doubt)
    for number, text in enumerate(shown.texts, 1):
        key, body = st.columns([2, 9], vertical_alignment="center")
        key.button(
            "Pick",
            key=f"pick-{number}-{shown.item_id}",
            shortcut=str(number) if number < 10 and not review.flagging else None,
            type="primary" if text.caption_id == review.chosen else "secondary",
            on_click=partial(choose_text, review, text.caption_id),
            width="stretch",
        )
        body.html(text_html(text, context.threshold, chosen=text.caption_id == review.chosen))


def draw_history(shown: Card) -> None:
    """Draw who decided what and when, newest first."""
    if not shown.history:
        return
    with st.expander(f"History ({len(shown.history)})"):
        st.dataframe(
            [
                {
                    "when": act.when,
                    "who": act.handle,
                    "what": act.action + (" (undone)" if act.undone else ""),
                    "text": next(
                        (t.text for t in shown.texts if t.caption_id == act.caption_id), ""
                    ),
                    "reason": act.reason or "",
                }
                for act in shown.history
            ],
            hide_index=True,
        )


render(context_with_dataset())
