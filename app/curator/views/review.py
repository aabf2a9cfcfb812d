"""One image large, its texts side by side as equals, every verdict one key."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from html import escape

import streamlit as st

from app.curator.context import PageContext, context_with_dataset, draw_progress
from app.curator.editor import caption_editor
from app.curator.grid import draw_grid
from app.curator.keys import KEYMAP, draw_help, listen_to_keys
from app.curator.review_session import (
    REASONS,
    ReviewRules,
    ReviewSession,
    advance,
    begin_edit,
    current,
    decide,
    drop_edit,
    go_back,
    go_forward,
    keep_draft,
    next_undone,
    pick,
    review_session_of,
    undo,
    why_empty,
)
from app.curator.thumbnails import shown_image
from app.escaping import escape_markdown
from blip2core.storage.cards import Card, ShownScore, ShownText
from blip2core.storage.datasets import get_dataset
from blip2core.storage.review import KEYS, UNDONE, QueueFilter
from blip2core.storage.schema import CAPTION_SOURCES, ITEM_STATUS

SIDE = 900
"""Longer edge, in pixels, of the image."""
ORDERS = {
    "nearest": "Nearest to the threshold",
    "disagreement": "Scores disagree",
    "random": "Random",
    "newest": "Newest",
}


def render(context: PageContext) -> None:
    """The page."""
    rules, grid = draw_filters(context)
    draw_guidelines(context)
    listen_to_keys()
    if grid and rules.second:
        st.info("The second review is blind, so it goes image by image.")
    elif grid:
        draw_grid(context, rules)
        return
    draw_one(context, rules)


@st.fragment
def draw_one(context: PageContext, rules: ReviewRules) -> None:
    """One item. A fragment: a key draws only this anew, not the whole page."""
    review = review_session_of(context, rules)
    shown = current(context, rules, review)
    if review.message:
        st.info(escape_markdown(review.message))
    draw_progress(context)
    if shown is None:
        st.query_params.pop("item", None)
        draw_end(context, rules, review)
        return
    st.query_params["item"] = str(shown.item_id)
    left, right = st.columns([4, 6], gap="large")
    with left:
        draw_image(context, shown)
    with right:
        draw_texts(context, review, shown)
    draw_acts(context, rules, review, shown)
    draw_history(shown)


def draw_filters(context: PageContext) -> tuple[ReviewRules, bool]:
    """Order and filters, all in the address of the page; and whether the grid is wanted."""
    order, search, status, view = st.columns([3, 3, 3, 2], vertical_alignment="bottom")
    chosen = order.selectbox(
        "Order", list(KEYS), format_func=lambda key: ORDERS[key], key="order", bind="query-params"
    )
    words = search.text_input("Search the texts", key="search", bind="query-params", max_chars=200)
    statuses = status.multiselect(
        "Status", ITEM_STATUS, default=list(UNDONE), key="status", bind="query-params"
    )
    grid = view.segmented_control(
        "View", ["one", "grid"], default="one", key="view", bind="query-params", required=True
    )
    with st.expander("More filters"):
        source, scores, second = st.columns(3, vertical_alignment="bottom")
        kind = source.selectbox(
            "With a text of", ["any source", *CAPTION_SOURCES], key="source", bind="query-params"
        )
        low, high = scores.slider(
            "Best ITM score", 0.0, 1.0, (0.0, 1.0), 0.01, key="itm", bind="query-params"
        )
        blind = second.toggle(
            "Second review, blind",
            key="second",
            bind="query-params",
            help="Items that others have judged and you have not; what they said is hidden.",
        )
    whole = (low, high) == (0.0, 1.0)
    where = QueueFilter(
        statuses=tuple(statuses),
        source=None if kind == "any source" else kind,
        search=words,
        lowest=None if whole else low,
        highest=None if whole else high,
        free_for=context.annotator_id,
    )
    return ReviewRules(order=chosen, where=where, second=blind), grid == "grid"


def draw_guidelines(context: PageContext) -> None:
    """What the dataset asks of whoever judges, word for word; People is where it is written."""
    with context.database.read() as session:
        guidelines = get_dataset(session, dataset_id=context.dataset_id).guidelines
    if guidelines.strip():
        with st.expander("Guidelines"):
            st.html(f'<p class="guidelines">{escape(guidelines)}</p>')


def draw_end(context: PageContext, rules: ReviewRules, review: ReviewSession) -> None:
    """Nothing left."""
    st.info(why_empty(rules.where))
    buttons = st.columns(4)
    buttons[0].button("Look again", on_click=partial(advance, context, rules, review), shortcut="J")
    buttons[1].button("Undo", on_click=partial(undo, context, review), shortcut="Z")


def draw_image(context: PageContext, shown: Card) -> None:
    """The image, and where it was found."""
    image = shown_image(context.database.images, shown.image_sha256, shown.format, SIDE)
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


def draw_texts(context: PageContext, review: ReviewSession, shown: Card) -> None:
    """All candidate texts, as equals."""
    if not shown.texts:
        st.info("There is no text yet. E writes one.")
    for number, text in enumerate(shown.texts, 1):
        key, body = st.columns([2, 9], vertical_alignment="center")
        key.button(
            "Pick",
            key=f"pick-{number}-{shown.item_id}",
            shortcut=str(number) if number < 10 and not review.flagging else None,
            type="primary" if text.caption_id == review.chosen else "secondary",
            on_click=partial(pick, review, text.caption_id),
            width="stretch",
        )
        body.html(text_html(text, context.threshold, chosen=text.caption_id == review.chosen))


def text_html(text: ShownText, threshold: float, *, chosen: bool) -> str:
    """One candidate: the words, who wrote them, both scores, and what people say. All escaped."""
    said = "".join(
        f'<span class="verdict {escape(one.verdict)}">{escape(_verdict(one.verdict))} '
        f"{escape(one.handle)}{' (threshold)' if one.by_threshold else ''}, "
        f"{one.when:%d %b %H:%M}</span>"
        for one in text.verdicts
    )
    by = text.author or text.writer or ""
    return (
        f'<div class="text {"chosen" if chosen else ""}"><p>{escape(text.text)}</p>'
        f'<div class="scores"><span class="source {escape(text.source)}">{escape(text.source)}'
        f"</span>{_bar('ITM', text.itm, threshold)}{_bar('ITC', text.itc)}"
        f'<span class="by">{escape(by)}</span>{_truncated(text.itm)}{said}</div></div>'
    )


def _verdict(verdict: str) -> str:
    return {"accept": "✓", "reject": "✗", "edit": "replaced by"}[verdict]


def _bar(name: str, score: ShownScore | None, threshold: float | None = None) -> str:
    if score is None:
        return f'<span class="score">{name} –</span>'
    share = max(0.0, min(score.value, 1.0)) * 100
    mark = f'<i style="left:{threshold * 100:.1f}%"></i>' if threshold is not None else ""
    return (
        f'<span class="score" title="{escape(score.scorer)}">{name} {score.value:.2f}'
        f'<span class="bar"><b style="width:{share:.1f}%"></b>{mark}</span></span>'
    )


def _truncated(score: ShownScore | None) -> str:
    if score is None or not score.truncated:
        return ""
    return (
        f'<span class="truncated">scored on the first {score.text_limit} of {score.tokens} tokens'
        "</span>"
    )


def draw_acts(context: PageContext, rules: ReviewRules, review: ReviewSession, shown: Card) -> None:
    """What can be done. It stays at the lower edge of the window however many texts there are, and
    names the text that is meant, which may be out of sight."""
    with st.container(key="acts", gap="xsmall"):
        if review.editing is not None:
            draw_editor(context, rules, review, shown)
        elif review.flagging:
            draw_reasons(context, rules, review, shown)
        elif meant := meant_html(review, shown):
            st.html(meant)
        draw_keys(context, rules, review, shown)


def meant_html(review: ReviewSession, shown: Card) -> str:
    """Number and words of the text that A, X and E mean, in one line, escaped; "" without one."""
    for number, text in enumerate(shown.texts, 1):
        if text.caption_id == review.chosen:
            return f'<p class="meant"><b>Text {number}:</b> {escape(text.text)}</p>'
    return ""


def draw_editor(
    context: PageContext, rules: ReviewRules, review: ReviewSession, shown: Card
) -> None:
    """The text in a box; what is typed is kept while it is typed."""
    place = (shown.item_id, review.editing or 0)
    draft = shown.draft
    if draft is not None and (draft.caption_id or 0) == place[1]:
        text = draft.text
    else:
        text = next((one.text for one in shown.texts if one.caption_id == place[1]), "")

    def on_draft() -> None:
        keep_draft(context, shown, st.session_state["editor"].get("draft"))

    def on_save() -> None:
        saved = st.session_state["editor"].get("save")
        if saved and (saved.get("item"), saved.get("caption")) == place:
            decide(context, rules, review, shown, "edit", text=str(saved.get("text", "")))

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
    context: PageContext, rules: ReviewRules, review: ReviewSession, shown: Card
) -> None:
    """After F: why, with one more key."""
    st.markdown("**Flag it, because** (1 to 9, Esc leaves):")
    with st.container(horizontal=True, gap="xsmall"):
        for number, reason in enumerate(REASONS, 1):
            st.button(
                reason,
                key=f"reason-{number}-{shown.item_id}",
                shortcut=str(number),
                on_click=partial(decide, context, rules, review, shown, "flag", reason=reason),
            )
        st.button("Leave", shortcut="Esc", on_click=partial(setattr, review, "flagging", False))


def draw_keys(context: PageContext, rules: ReviewRules, review: ReviewSession, shown: Card) -> None:
    """Every act as a button that names its key.

    Beside an open editor those that would decide without what is typed there are off.
    """
    act = partial(partial, decide, context, rules, review, shown)
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
            draw("Flag", "F", partial(setattr, review, "flagging", True), disabled=editing)
        with st.container(horizontal=True, gap="xsmall", width="content"):
            draw("Undo", "Z", partial(undo, context, review))
            draw("Next undone", "J", partial(next_undone, context, rules, review))
            draw("Back", "Left", partial(go_back, review), disabled=not review.visited)
            draw("Next", "Right", partial(go_forward, context, rules, review))
            draw_help()


def draw_key(
    label: str,
    key: str,
    act: Callable[[], object],
    *,
    item_id: int,
    disabled: bool = False,
    primary: bool = False,
) -> None:
    """One act on one item: a key that comes before the next item is on screen is not for that."""
    st.button(
        label,
        key=f"key-{key}-{item_id}",
        shortcut=key,
        type="primary" if primary else "secondary",
        disabled=disabled,
        on_click=act,
        help=KEYMAP.get(key),
    )


def draw_history(shown: Card) -> None:
    """Who decided what, when; newest first."""
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
