"""The people page: how much each decided, how far two agree, and the rules of the dataset."""

from __future__ import annotations

from itertools import combinations

import streamlit as st

from app.curator.context import DatasetContext, context_with_dataset
from app.escaping import escape_markdown
from blip2core.agreement import Agreement, agreement
from blip2core.errors import StorageError
from blip2core.storage.datasets import get_dataset, update_dataset
from blip2core.storage.people import annotator_progress, list_annotators, verdict_pairs
from blip2core.texts import count_of

_LARGEST_OVERLAP = 3
"""Most people who may be asked to review the same image."""


def render(context: DatasetContext) -> None:
    """Draw the page."""
    if message := st.session_state.pop("people-message", ""):
        st.info(escape_markdown(message))
    with context.database.read() as session:
        rows = annotator_progress(session, dataset_id=context.dataset_id)
        people = [one for one in list_annotators(session) if one.handle in {r.handle for r in rows}]
        dataset = get_dataset(session, dataset_id=context.dataset_id)
        pairs = {
            (first.handle, second.handle): verdict_pairs(
                session, dataset_id=context.dataset_id, first_id=first.id, second_id=second.id
            )
            for first, second in combinations(people, 2)
        }
    st.subheader("Progress")
    if not rows:
        st.info("Nobody has decided anything in this dataset yet.")
    else:
        st.dataframe(
            [
                {
                    "who": row.handle,
                    "images": row.items,
                    **{what: row.acts.get(what, 0) for what in _ACTIONS},
                    "by threshold or grid": row.in_batches,
                    "last": f"{row.last:%Y-%m-%d %H:%M}",
                }
                for row in rows
            ],
            hide_index=True,
        )
    st.subheader("Agreement")
    compared = {who: found for who, both in pairs.items() if (found := agreement(both))}
    if not compared:
        st.info(
            "No two people have reviewed the same texts yet. Ask for a second review below, then "
            "turn on «Second review, blind» in Review."
        )
    for (first, second), found in compared.items():
        who = escape_markdown(f"{first} and {second}, {count_of(found.texts, 'text')}")
        st.metric(who, agreement_in_words(found), border=True)
    st.subheader("Rules")
    overlap = st.number_input(
        "People who must review an image before it is decided", 1, _LARGEST_OVERLAP, dataset.overlap
    )
    guidelines = st.text_area("Guidelines for curators", dataset.guidelines, max_chars=5_000)
    # Not by `on_click`, which would be given what the fields said when the button was drawn; and
    # never disabled, as what is typed counts only once the field is left.
    if st.button("Save the rules"):
        save_rules(context, int(overlap), guidelines)
        st.rerun()


_ACTIONS = ("accept", "reject", "edit", "skip", "flag")


def agreement_in_words(found: Agreement) -> str:
    """Return the share of equal verdicts, and kappa with its interval, in words."""
    if found.kappa is None:
        return f"{found.same:.0%} the same; κ says nothing: both gave one verdict only"
    return f"{found.same:.0%} the same, κ {found.kappa:.2f} ({found.low:.2f} to {found.high:.2f})"


def save_rules(context: DatasetContext, overlap: int, guidelines: str) -> None:
    """Store the rules of the dataset."""
    try:
        context.database.run_write(
            lambda session: update_dataset(
                session, dataset_id=context.dataset_id, overlap=overlap, guidelines=guidelines
            )
        )
    except StorageError as error:
        st.session_state["people-message"] = str(error)


render(context_with_dataset())
