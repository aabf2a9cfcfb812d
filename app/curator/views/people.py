"""Who decided how much, and how far two people agree."""

from __future__ import annotations

from functools import partial
from itertools import combinations

import streamlit as st

from app.curator.context import PageContext, context_with_dataset
from app.escaping import escape_markdown
from app.plurals import count_of
from blip2core.agreement import Agreement, agreement
from blip2core.storage.datasets import get_dataset, set_rules
from blip2core.storage.people import list_annotators, progress, verdict_pairs

MOST = 3
"""People who may be asked to judge the same image."""


def render(context: PageContext) -> None:
    """The page."""
    with context.database.read() as session:
        rows = progress(session, dataset_id=context.dataset_id)
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
                    "pictures": row.items,
                    **{what: row.acts.get(what, 0) for what in ACTS},
                    "by threshold or grid": row.in_batches,
                    "last": row.last,
                }
                for row in rows
            ],
            hide_index=True,
        )
    st.subheader("Agreement")
    compared = {who: found for who, both in pairs.items() if (found := agreement(both))}
    if not compared:
        st.info(
            "No two people have judged the same texts yet. Ask for a second review below, then "
            "turn on «Second review, blind» in Review."
        )
    for (first, second), found in compared.items():
        who = escape_markdown(f"{first} and {second}, {count_of(found.texts, 'text')}")
        st.metric(who, in_words(found), border=True)
    st.subheader("Rules")
    overlap = st.number_input(
        "People who must judge an image before it is decided", 1, MOST, dataset.overlap
    )
    guidelines = st.text_area("Guidelines for curators", dataset.guidelines, max_chars=5_000)
    st.button(
        "Save the rules",
        disabled=(overlap, guidelines) == (dataset.overlap, dataset.guidelines),
        on_click=partial(save, context, int(overlap), guidelines),
    )


ACTS = ("accept", "reject", "edit", "skip", "flag")


def in_words(found: Agreement) -> str:
    """Share of equal verdicts, and kappa with its interval."""
    if found.kappa is None:
        return f"{found.same:.0%} the same; κ says nothing: both gave one verdict only"
    return f"{found.same:.0%} the same, κ {found.kappa:.2f} ({found.low:.2f} to {found.high:.2f})"


def save(context: PageContext, overlap: int, guidelines: str) -> None:
    """The rules of the dataset."""
    context.database.run_write(
        lambda session: set_rules(
            session, dataset_id=context.dataset_id, overlap=overlap, guidelines=guidelines
        )
    )


render(context_with_dataset())
