"""The thresholds page: what a threshold keeps, how right that is, and applying it as one batch."""

from __future__ import annotations

from functools import partial

import streamlit as st
from sqlalchemy.orm import Session

from app.curator.batches import batch_line, take_back
from app.curator.charts import BINS, histogram_chart
from app.curator.context import DatasetContext, context_with_dataset
from app.curator.review_session import new_event
from app.curator.threshold_quality import draw_quality, share_in_words
from app.escaping import escape_markdown
from blip2core.calibration import (
    ScoredVerdict,
    share_interval,
)
from blip2core.curation import rules_of
from blip2core.errors import StorageError
from blip2core.storage import thresholds as stored
from blip2core.storage.batches import (
    BatchSummary,
    NewBatch,
    audit_result,
    count_threshold,
    decide_many,
    draw_audit,
    list_batches,
    threshold_choices,
)
from blip2core.storage.database import Database
from blip2core.storage.datasets import get_dataset, update_dataset
from blip2core.storage.doubted_items import count_doubted
from blip2core.storage.missing_images import with_images
from blip2core.storage.thresholds import Head, Histogram
from blip2core.texts import count_of

_FINE_BINS = 1_000
"""Bins of the ITM score from which everything on the page is computed."""
_CACHE_SECONDS = 20.0
"""How long the counted scores are kept: they change while a job scores."""
_SCORED_SOURCES = ("web", "synthetic")


def render(context: DatasetContext) -> None:
    """Draw the page."""
    if message := st.session_state.pop("threshold-message", ""):
        st.info(escape_markdown(message))
    source = st.segmented_control(
        "Texts",
        ["all", *_SCORED_SOURCES],
        default="all",
        key="texts",
        bind="query-params",
        required=True,
    )
    threshold = st.slider(
        "ITM threshold", 0.0, 1.0, context.threshold, 0.01, key=f"threshold-{context.dataset_id}",
        help="A text is kept where the matcher says it fits with at least this probability.",
    )  # fmt: skip
    found = counted(
        context.database, str(context.database.url), context.dataset_id, "itm", _FINE_BINS
    )
    cosines = counted(context.database, str(context.database.url), context.dataset_id, "itc", BINS)
    with context.database.read() as session:
        decided = stored.verdict_scores(session, dataset_id=context.dataset_id, head="itm")
        dataset = get_dataset(session, dataset_id=context.dataset_id)
        least = rules_of(dataset).own_caption_itc
        effect = count_threshold(
            session, dataset_id=context.dataset_id, threshold=threshold, own_caption_itc=least
        )
        doubted = count_doubted(session, dataset_id=context.dataset_id, least=least)
    if not found.counts:
        st.info("No text of this dataset has a score yet. Run CapFilt in the inbox.")
        return
    draw_counts(found.counts, threshold)
    left, right = st.columns(2, gap="large")
    with left:
        bins = {kind: coarse(counts) for kind, counts in found.counts.items()}
        st.altair_chart(histogram_chart(bins, low=0, high=1, threshold=threshold, title="ITM"))
        with st.expander("ITC cosines"):
            st.altair_chart(
                histogram_chart(
                    cosines.counts, low=-1, high=1, threshold=threshold, title="ITC cosine"
                )
            )
    with right:
        scores = scores_of(found.counts, source)
        verdicts = [
            ScoredVerdict(score=one.value, right=one.accepted)
            for one in decided
            if source in ("all", one.source)
        ]
        draw_quality(scores, verdicts, threshold)
    draw_apply(context, threshold, effect, doubted)
    draw_batches(context)


@st.cache_data(ttl=_CACHE_SECONDS, show_spinner="Counting scores ...")
def counted(_database: Database, url: str, dataset_id: int, head: Head, bins: int) -> Histogram:
    """Return how many texts have which score; cached, as half a million take a second."""
    with _database.read() as session:
        return stored.score_histogram(session, dataset_id=dataset_id, head=head, bins=bins)


def coarse(counts: tuple[int, ...]) -> list[int]:
    """Sum the _FINE_BINS bins of a histogram to BINS."""
    width = _FINE_BINS // BINS
    return [sum(counts[start : start + width]) for start in range(0, _FINE_BINS, width)]


def scores_of(counts: dict[str, tuple[int, ...]], source: str) -> list[float]:
    """Return a score for each text, exact to one bin."""
    return [
        (index + 0.5) / _FINE_BINS
        for kind, bins in counts.items()
        if source in ("all", kind)
        for index, count in enumerate(bins)
        for _ in range(count)
    ]


def draw_counts(counts: dict[str, tuple[int, ...]], threshold: float) -> None:
    """Draw how many texts of each source are kept."""
    for column, (source, bins) in zip(st.columns(4), counts.items(), strict=False):
        kept, total = sum(bins[round(threshold * _FINE_BINS) :]), sum(bins)
        column.metric(f"{source}: kept of {total:,}", f"{kept:,}", border=True)


def draw_apply(
    context: DatasetContext, threshold: float, effect: dict[str, int], doubted: int
) -> None:
    """Draw the buttons that store the threshold, and that apply it once it is confirmed; `doubted`
    images are left to people.
    """
    st.subheader("Use it")
    keep, apply = st.columns(2, gap="large")
    keep.write(
        "Review comes nearest to this threshold first, and a filter that goes by ITM uses it from "
        "now on."
    )
    # Not by `on_click`, which would be given what the fields said when the button was drawn.
    if keep.button(
        "Make it the threshold of this dataset", disabled=threshold == context.threshold
    ):
        make_default(context, threshold)
        st.rerun()
    texts = effect["accept"] + effect["reject"]
    with apply:
        st.write(
            f"Decide everything nobody has decided: accept {count_of(effect['accept'], 'text')}, "
            f"reject {effect['reject']:,}, in {count_of(effect['items'], 'image')}, by this "
            "threshold alone. One act, undone as one."
        )
        if doubted:
            st.warning(
                f"{count_of(doubted, 'image')} unlike anything these models have seen: what they "
                "say of them is not to be trusted, so their texts are left for you to review."
            )
        st.caption(
            "Other rules of the dataset (lengths, duplicates, margin, texts of one image) do not "
            "count here; `blip2 curate apply` follows all of them."
        )
        audit = st.number_input(
            "Images drawn at random for people to check", 0, 1_000, min(20, effect["items"])
        )
        sure = st.checkbox(
            f"I want {count_of(texts, 'decision')} made", key=f"sure-{texts}-{threshold}"
        )
        confirmed = bool(sure and texts)
        # What was confirmed may be another number by now: then this button is disabled again.
        if st.button("Apply", type="primary", disabled=not confirmed) and confirmed:
            apply_threshold(context, threshold, texts, int(audit))
            st.rerun()


def make_default(context: DatasetContext, threshold: float) -> None:
    """Store the threshold of the dataset, by which the review queue is ordered."""
    try:
        context.database.run_write(
            lambda session: update_dataset(
                session, dataset_id=context.dataset_id, threshold=threshold
            )
        )
        message = f"The threshold of {context.dataset} is {threshold:.2f}."
    except StorageError as error:
        message = str(error)
    st.session_state["threshold-message"] = message


def apply_threshold(context: DatasetContext, threshold: float, expected: int, audit: int) -> None:
    """Store all decisions as one batch, and draw the random sample that people check."""
    new = NewBatch(
        uid=new_event(),
        dataset_id=context.dataset_id,
        annotator_id=context.annotator_id,
        kind="threshold",
        settings={"threshold": threshold, "audit": audit},
    )

    def unit(session: Session) -> int:
        least = rules_of(get_dataset(session, dataset_id=context.dataset_id)).own_caption_itc
        choices = threshold_choices(
            session, dataset_id=context.dataset_id, threshold=threshold, own_caption_itc=least
        )
        checked = with_images(session, context.database.images, choices)
        batch = decide_many(session, new, choices=checked, expected=expected)
        return len(draw_audit(session, batch_id=batch.id, size=audit, seed=batch.id))

    try:
        drawn = context.database.run_write(unit)
        message = (
            f"{count_of(expected, 'text')} decided; waiting in review for a check: "
            f"{count_of(drawn, 'image')}."
        )
    except StorageError as error:
        message = str(error)
    st.session_state["threshold-message"] = message


def draw_batches(context: DatasetContext) -> None:
    """Draw the batches that were applied, what people found in their samples, and their undo."""
    with context.database.read() as session:
        batches = [
            (one, audit_result(session, batch_id=one.batch.id))
            for one in list_batches(session, dataset_id=context.dataset_id)
            if one.batch.kind == "threshold"
        ]
    if not batches:
        return
    st.subheader("Applied before")
    for one, audit in batches:
        what, act = st.columns([6, 2], vertical_alignment="center")
        what.text(batch_in_words(one))
        if audit.verdicts:
            right = share_interval(audit.confirmed, audit.verdicts)
            what.caption(
                f"Check: people agree with {audit.confirmed} of "
                f"{count_of(audit.verdicts, 'text')}, {share_in_words(right)}."
            )
        elif audit.drawn and not one.undone:
            what.caption(f"Check: waiting in review, {count_of(audit.drawn, 'image')}.")
        act.button(
            "Undo",
            key=f"undo-{one.batch.id}",
            disabled=one.undone,
            on_click=partial(undo_threshold_batch, context, one.batch.id),
        )


def batch_in_words(one: BatchSummary) -> str:
    """Return a batch in one line."""
    settings = one.batch.settings
    rules = settings.get("rules", settings)  # `blip2 curate apply` follows all rules
    threshold = rules.get("threshold")
    by = f"threshold {threshold:.2f}" if threshold is not None else "no threshold"
    return batch_line(one, by)


def undo_threshold_batch(context: DatasetContext, batch_id: int) -> None:
    """Take back a whole batch."""
    st.session_state["threshold-message"] = take_back(context, batch_id)


render(context_with_dataset())
