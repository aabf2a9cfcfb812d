"""The page that takes an image down: first what that does, then, once confirmed, doing it."""

from __future__ import annotations

from functools import partial

import streamlit as st

from app.curator.context import PageContext, page_context
from app.curator.formatting import size_of
from app.curator.thumbnails import forget_images, shown_image
from app.escaping import escape_markdown
from app.roles import visitor_of
from blip2core.errors import StorageError
from blip2core.storage.takedown import TakedownPlan, plan_takedown, take_down
from blip2core.texts import count_of

_PREVIEW_SIDE = 400
"""Longer edge, in pixels, of the image that is shown before it is taken down."""


def render(context: PageContext) -> None:
    """Draw the page."""
    if message := st.session_state.pop("takedown-message", ""):
        st.info(escape_markdown(message))
    st.subheader("Take an image down")
    if not context.visitor.may("take down"):
        st.info(f"You are a {context.visitor.role} here: an owner of the studio takes images down.")
        return
    st.write(
        "For an image that must not be kept. Its file is deleted, no dataset shows it any more, "
        "and it cannot be imported again. Nothing of this can be undone."
    )
    named = st.text_input(
        "Image",
        key="image",
        bind="query-params",
        max_chars=200,
        placeholder="#7, or the SHA-256 of its file",
        help="The number that Review shows under it, or 12 or more digits of its SHA-256.",
    )
    if not named.strip():
        return
    try:
        plan = plan_takedown(context.database, [named])
    except StorageError as error:
        st.error(escape_markdown(str(error)))
        return
    if plan.is_done:
        st.info("This image was taken down before.")
        return
    preview, effects = st.columns([1, 2], gap="large")
    with preview:
        draw_preview(context, plan)
    with effects:
        draw_plan(plan)
        draw_confirmation(context, plan)


def draw_preview(context: PageContext, plan: TakedownPlan) -> None:
    """Draw the image that is named."""
    file = next((one for one in plan.files if one.bytes), plan.files[0])
    image = shown_image(context.database.images, file.sha256, file.format, _PREVIEW_SIDE)
    if isinstance(image, bytes):
        st.image(image, alt="The image that is taken down")
    else:
        st.warning(escape_markdown(image))


def draw_plan(plan: TakedownPlan) -> None:
    """Draw what is deleted, what is left out from now on, and what is left to people."""
    files = "This file is" if len(plan.files) == 1 else "These files with the same pixels are"
    st.markdown(f"**{files} deleted** ({size_of(plan.bytes)})")
    st.code("\n".join(file.sha256 for file in plan.files), language=None, wrap_lines=True)
    st.markdown("**Left out of review, and of every snapshot to come**")
    rows = [
        {
            "image": f"#{item.item_id}",
            "dataset": item.dataset,
            "status": item.status,
            "texts": item.texts,
            "decisions": item.decisions,
        }
        for item in plan.items
    ]
    st.dataframe(rows, hide_index=True)
    st.caption("The texts and the decisions stay in the database.")
    draw_affected_snapshots(plan)
    if plan.alike:
        st.markdown("**Images that look almost the same, and stay**")
        st.text(", ".join(f"#{item_id}" for item_id in plan.alike))


def draw_affected_snapshots(plan: TakedownPlan) -> None:
    """Draw the snapshots that hold the image, and the exports that people have to delete."""
    if not plan.snapshots:
        st.caption("No snapshot holds it.")
        return
    st.markdown("**Left out when these snapshots are exported again**")
    for snapshot in plan.snapshots:
        st.text(f"{snapshot.name}: {count_of(snapshot.pairs, 'pair')}")
    written = [
        f"{snapshot.name} as {export.format}: {export.location}"
        for snapshot in plan.snapshots
        for export in snapshot.exports
        if export.location
    ]
    if written:
        st.warning("These exports hold it and are not changed: delete them, or export again.")
        st.code("\n".join(written), language=None, wrap_lines=True)


def draw_confirmation(context: PageContext, plan: TakedownPlan) -> None:
    """Draw the button that takes the image down, disabled until that is confirmed."""
    about = f"{count_of(len(plan.files), 'file')} in {count_of(len(plan.items), 'item')}"
    sure = st.checkbox(f"I want this image taken down for good: {about}", key=f"sure-{hash(plan)}")
    st.button(
        "Take down",
        type="primary",
        disabled=not sure,
        on_click=partial(take_image_down, context, plan),
    )


def take_image_down(context: PageContext, plan: TakedownPlan) -> None:
    """Take the image down as it was shown, or say why not.

    Who presses is asked for anew: a page that was drawn for an owner may be another's by now.
    """
    if not visitor_of(st.context.headers).may("take down"):
        st.session_state["takedown-message"] = "Only owners take images down."
        return
    try:
        deleted = take_down(context.database, plan)
    except StorageError as error:
        st.session_state["takedown-message"] = str(error)
        return
    forget_images()
    items = ", ".join(f"#{item.item_id}" for item in plan.items)
    st.session_state["image"] = ""
    st.session_state["takedown-message"] = (
        f"{items} is taken down: {count_of(deleted, 'file')} deleted, {size_of(plan.bytes)}."
    )


render(page_context())
