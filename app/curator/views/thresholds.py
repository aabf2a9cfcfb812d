"""What a threshold would keep, how right that would be, and applying it as one undoable act."""

from __future__ import annotations

from functools import partial

import streamlit as st

from app.curator.charts import BINS, histogram, precision_and_recall
from app.curator.context import PageContext, context_with_dataset
from app.curator.review_session import new_event
from app.escaping import escape_markdown
from app.plurals import count_of
from blip2core.calibration import (
    Estimate,
    JudgedScore,
    Point,
    estimate_thresholds,
    share_interval,
    threshold_for,
)
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
    undo_batch,
)
from blip2core.storage.database import Database
from blip2core.storage.datasets import set_rules
from blip2core.storage.thresholds import Histogram

FINE = 1_000
"""Slices of the score from which everything on the page is computed."""
FRESH = 20.0
"""Seconds for which the counted scores are kept: they move while a job scores."""
STEPS = tuple(step / 50 for step in range(51))
"""Thresholds of the curves."""
SOURCES = ("web", "synthetic")


def render(context: PageContext) -> None:
    """The page."""
    if message := st.session_state.pop("threshold-message", ""):
        st.info(escape_markdown(message))
    source = st.segmented_control(
        "Texts", ["all", *SOURCES], default="all", key="texts", bind="query-params", required=True
    )
    threshold = st.slider(
        "ITM threshold", 0.0, 1.0, context.threshold, 0.01, key=f"threshold-{context.dataset_id}",
        help="A text is kept where the matcher says it fits with at least this probability.",
    )  # fmt: skip
    found = counted(context.database, str(context.database.url), context.dataset_id, "itm", FINE)
    cosines = counted(context.database, str(context.database.url), context.dataset_id, "itc", BINS)
    with context.database.read() as session:
        judged = stored.judged_scores(session, dataset_id=context.dataset_id, head="itm")
        effect = count_threshold(session, dataset_id=context.dataset_id, threshold=threshold)
    if not found.counts:
        st.info("No text of this dataset has a score yet. Run CapFilt in the inbox.")
        return
    draw_counts(found.counts, threshold)
    left, right = st.columns(2, gap="large")
    with left:
        slices = {kind: coarse(counts) for kind, counts in found.counts.items()}
        st.altair_chart(histogram(slices, low=0, high=1, threshold=threshold, title="ITM"))
        with st.expander("ITC cosines"):
            st.altair_chart(
                histogram(cosines.counts, low=-1, high=1, threshold=threshold, title="ITC cosine")
            )
    with right:
        scores = scores_of(found.counts, source)
        verdicts = [
            JudgedScore(score=one.value, right=one.accepted)
            for one in judged
            if source in ("all", one.source)
        ]
        draw_quality(scores, verdicts, threshold)
    draw_apply(context, threshold, effect)
    draw_batches(context)


@st.cache_data(ttl=FRESH, show_spinner="Counting scores ...")
def counted(_database: Database, url: str, dataset_id: int, head: str, bins: int) -> Histogram:
    """How many texts score what; a second's work for half a million, so it is kept for a while."""
    with _database.read() as session:
        return stored.histogram(session, dataset_id=dataset_id, head=head, bins=bins)


def coarse(counts: tuple[int, ...]) -> list[int]:
    """FINE slices -> BINS bars."""
    width = FINE // BINS
    return [sum(counts[start : start + width]) for start in range(0, FINE, width)]


def scores_of(counts: dict[str, tuple[int, ...]], source: str) -> list[float]:
    """A score for each text, exact to one slice."""
    return [
        (index + 0.5) / FINE
        for kind, slices in counts.items()
        if source in ("all", kind)
        for index, count in enumerate(slices)
        for _ in range(count)
    ]


def draw_counts(counts: dict[str, tuple[int, ...]], threshold: float) -> None:
    """How many texts of each source would be kept."""
    for column, (source, slices) in zip(st.columns(4), counts.items(), strict=False):
        kept, total = sum(slices[round(threshold * FINE) :]), sum(slices)
        column.metric(f"{source}: kept of {total:,}", f"{kept:,}", border=True)


def draw_quality(scores: list[float], verdicts: list[JudgedScore], threshold: float) -> None:
    """Precision and recall, estimated from the verdicts so far."""
    if not verdicts:
        st.info(
            "How right a threshold is can be estimated once some texts have been judged: review "
            "a few, the nearest and some at random."
        )
        return
    points = estimate_thresholds(scores, verdicts, [*STEPS, threshold])
    *curve, here = points
    precision, recall = st.columns(2)
    for column, label, meaning, found in (
        (precision, "Precision", "Of the texts kept, how many are right.", here.precision),
        (recall, "Recall", "Of the right texts, how many are kept.", here.recall),
    ):
        column.metric(
            label,
            f"{found.value:.0%}",
            f"{found.low:.0%} to {found.high:.0%}",
            delta_color="off",
            delta_arrow="off",
            border=True,
            help=meaning,
        )
    st.caption(
        f"95 % intervals, from {count_of(len(verdicts), 'verdict')} "
        f"({here.judged:,} above the threshold); verdicts from everywhere, "
        "not only from the doubtful middle, make them narrower."
    )
    if here.judged == len(verdicts):
        st.caption("Nobody has judged a text below the threshold yet: the recall is a guess.")
    st.altair_chart(precision_and_recall(curve, threshold=threshold))
    wanted = st.number_input("Wanted precision", 0.5, 0.999, 0.9, 0.01)
    st.write(advice(threshold_for(curve, wanted), wanted))


def percent(estimate: Estimate) -> str:
    """A share with its interval."""
    return f"{estimate.value:.0%} ({estimate.low:.0%} to {estimate.high:.0%})"


def advice(point: Point | None, wanted: float) -> str:
    """The threshold that surely gives a precision, in words."""
    if point is None:
        return f"No threshold surely gives a precision of {wanted:.0%} yet: judge more texts."
    return (
        f"The lowest threshold that surely does: {point.threshold:.2f}. It keeps {point.kept:,} "
        f"texts, and finds {percent(point.recall)} of the right ones."
    )


def draw_apply(context: PageContext, threshold: float, effect: dict[str, int]) -> None:
    """The threshold as the dataset's own, and as decisions; each only after it is confirmed."""
    st.subheader("Use it")
    keep, apply = st.columns(2, gap="large")
    keep.write(
        "Review comes nearest to this threshold first, and a filter that goes by ITM uses it from "
        "now on."
    )
    keep.button(
        "Make it the threshold of this dataset",
        disabled=threshold == context.threshold,
        on_click=partial(make_default, context, threshold),
    )
    texts = effect["accept"] + effect["reject"]
    with apply:
        st.write(
            f"Decide everything nobody has decided: accept {count_of(effect['accept'], 'text')}, "
            f"reject {effect['reject']:,}, in {count_of(effect['items'], 'image')}, by this "
            "threshold alone. One act, undone as one."
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
        st.button(
            "Apply",
            type="primary",
            disabled=not (sure and texts),
            on_click=partial(apply_threshold, context, threshold, texts, int(audit)),
        )


def make_default(context: PageContext, threshold: float) -> None:
    """The dataset's threshold; the review queue is ordered anew."""
    context.database.run_write(
        lambda session: set_rules(session, dataset_id=context.dataset_id, threshold=threshold)
    )
    st.session_state["threshold-message"] = (
        f"The threshold of {context.dataset} is {threshold:.2f}."
    )


def apply_threshold(context: PageContext, threshold: float, expected: int, audit: int) -> None:
    """All decisions as one batch, with the random sample that will tell how right it was."""
    new = NewBatch(
        uid=new_event(),
        dataset_id=context.dataset_id,
        annotator_id=context.annotator_id,
        kind="threshold",
        settings={"threshold": threshold, "audit": audit},
    )

    def unit(session: object) -> int:
        choices = threshold_choices(session, dataset_id=context.dataset_id, threshold=threshold)
        batch = decide_many(session, new, choices=choices, expected=expected)
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


def draw_batches(context: PageContext) -> None:
    """What thresholds decided before, what people found in their samples, and their undo."""
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
        what.text(described(one))
        if audit.judged:
            right = share_interval(audit.confirmed, audit.judged)
            what.caption(
                f"Check: people agree with {audit.confirmed} of {audit.judged} texts, "
                f"{percent(right)}."
            )
        elif audit.drawn and not one.undone:
            what.caption(f"Check: waiting in review, {count_of(audit.drawn, 'image')}.")
        act.button(
            "Undo",
            key=f"undo-{one.batch.id}",
            disabled=one.undone,
            on_click=partial(take_back, context, one.batch.id),
        )


def described(one: BatchSummary) -> str:
    """One line about a batch."""
    settings = one.batch.settings
    rules = settings.get("rules", settings)  # `blip2 curate apply` follows all rules
    threshold = rules.get("threshold")
    by = f"threshold {threshold:.2f}" if threshold is not None else "no threshold"
    return (
        f"{one.batch.created_at:%d %b %H:%M} {one.handle}: {by}, "
        f"{count_of(one.batch.expected, 'text')}" + (", undone" if one.undone else "")
    )


def take_back(context: PageContext, batch_id: int) -> None:
    """Undo of a whole batch."""
    uid = new_event()
    try:
        undone = context.database.run_write(
            lambda session: undo_batch(
                session, batch_id=batch_id, annotator_id=context.annotator_id, uid=uid
            )
        )
        message = f"Undone: {count_of(undone.decisions, 'decision')}."
    except StorageError as error:
        message = str(error)
    st.session_state["threshold-message"] = message


render(context_with_dataset())
