"""The filters of the review page, and the guidelines of the dataset."""

from __future__ import annotations

from html import escape

import streamlit as st

from app.curator.context import DatasetContext
from app.curator.review_session import ReviewRules
from blip2core.storage.datasets import get_dataset
from blip2core.storage.review import KEYS, UNDONE, QueueFilter
from blip2core.storage.schema import CAPTION_SOURCES, ITEM_STATUS

_ORDER_LABELS = {
    "nearest": "Nearest to the threshold",
    "disagreement": "Scores disagree",
    "random": "Random",
    "newest": "Newest",
}


def draw_filters(context: DatasetContext) -> tuple[ReviewRules, bool]:
    """Draw order and filters, all kept in the address -> the rules, and whether it is the grid."""
    order, search, status, view = st.columns([3, 3, 3, 2], vertical_alignment="bottom")
    chosen = order.selectbox(
        "Order",
        list(KEYS),
        format_func=lambda key: _ORDER_LABELS[key],
        key="order",
        bind="query-params",
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
            help="Items that others have reviewed and you have not; what they said is hidden.",
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


def draw_guidelines(context: DatasetContext) -> None:
    """Draw the guidelines of the dataset, which are written on the page People, as plain text."""
    with context.database.read() as session:
        guidelines = get_dataset(session, dataset_id=context.dataset_id).guidelines
    if guidelines.strip():
        with st.expander("Guidelines"):
            st.html(f'<p class="guidelines">{escape(guidelines)}</p>')
