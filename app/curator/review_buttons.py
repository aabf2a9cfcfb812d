"""The buttons and keys of the review page, with the editor and the reasons of a flag."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from app.curator.candidate_html import chosen_text_html
from app.curator.context import DatasetContext
from app.curator.editor import caption_editor
from app.curator.keys import REVIEW_KEYS
from app.curator.review_decisions import (
    FLAG_REASONS,
    decide_item,
    drop_edit,
    keep_draft,
    save_edit,
    undo_latest,
)
from app.curator.review_session import (
    ReviewRules,
    ReviewSession,
    begin_edit,
    go_back,
    go_forward,
    next_undecided,
    place_in_editor,
    set_flagging,
)
from blip2core.storage.cards import Card


def draw_controls(
    context: DatasetContext, rules: ReviewRules, review: ReviewSession, shown: Card
) -> None:
    """Draw everything that decides about the item, at the lower edge of the window.

    It names the chosen text, which may be out of sight where there are many.
    """
    with st.container(key="acts", gap="xsmall"):
        if review.editing is not None:
            draw_editor(context, rules, review, shown)
        elif review.flagging:
            draw_reasons(context, rules, review, shown)
        elif chosen := chosen_text_html(review, shown):
            st.html(chosen)
        draw_keys(context, rules, review, shown)


def draw_editor(
    context: DatasetContext, rules: ReviewRules, review: ReviewSession, shown: Card
) -> None:
    """Draw the editor, whose text is stored as a draft while it is typed."""
    place = (shown.item_id, place_in_editor(review.editing))
    draft = shown.draft
    if draft is not None and place_in_editor(draft.caption_id) == place[1]:
        text = draft.text
    else:
        text = next((one.text for one in shown.texts if one.caption_id == place[1]), "")

    def on_draft() -> None:
        keep_draft(context, review, shown, st.session_state["editor"].get("draft"))

    def on_save() -> None:
        saved = st.session_state["editor"].get("save")
        save_edit(context, rules, review, shown, saved)

    caption_editor(
        place,
        text,
        label="Your text: Ctrl+Enter saves and accepts it, Esc leaves it as a draft",
        on_draft=on_draft,
        on_save=on_save,
        focus=review.typing,
    )
    st.button("Throw the draft away", on_click=partial(drop_edit, context, review, shown))


def draw_reasons(
    context: DatasetContext, rules: ReviewRules, review: ReviewSession, shown: Card
) -> None:
    """Draw the reasons of a flag, each with a key."""
    st.markdown("**Flag it, because** (1 to 9, Esc leaves):")
    with st.container(horizontal=True, gap="xsmall"):
        for number, reason in enumerate(FLAG_REASONS, 1):
            st.button(
                reason,
                key=f"reason-{number}-{shown.item_id}",
                shortcut=str(number),
                on_click=partial(decide_item, context, rules, review, shown, "flag", reason=reason),
            )
        st.button("Leave", shortcut="Esc", on_click=partial(set_flagging, review, False))


def draw_keys(
    context: DatasetContext, rules: ReviewRules, review: ReviewSession, shown: Card
) -> None:
    """Draw every act as a button that names its key.

    While the editor is open, those that would decide without its text are disabled.
    """
    act = partial(partial, decide_item, context, rules, review, shown)
    draw = partial(draw_key, item_id=shown.item_id)
    editing = review.editing is not None
    nothing = review.chosen is None or editing
    with st.container(horizontal=True, gap="xsmall"):
        with st.container(horizontal=True, gap="xsmall", width="content"):
            draw("Accept", "A", act("accept"), disabled=nothing, primary=not editing)
            draw("Accept, stay", "Shift+A", act("accept", stay=True), disabled=nothing)
            draw("Reject", "X", act("reject"), disabled=nothing)
            draw("Edit", "E", partial(begin_edit, review, review.chosen))
            draw("Skip", "S", act("skip"), disabled=editing)
            draw("Flag", "F", partial(set_flagging, review, True), disabled=editing)
        with st.container(horizontal=True, gap="xsmall", width="content"):
            draw("Undo", "Z", partial(undo_latest, context, review))
            draw("Next undecided", "J", partial(next_undecided, context, rules, review))
            draw("Back", "Left", partial(go_back, review), disabled=not review.earlier)
            draw("Next", "Right", partial(go_forward, context, rules, review))


def draw_key(
    label: str,
    key: str,
    act: Callable[[], None],
    *,
    item_id: int,
    disabled: bool = False,
    primary: bool = False,
) -> None:
    """Draw one act as a button of one item, so that a late key is not one of the next item."""
    st.button(
        label,
        key=f"key-{key}-{item_id}",
        shortcut=key,
        type="primary" if primary else "secondary",
        disabled=disabled,
        on_click=act,
        help=REVIEW_KEYS.get(key),
    )
