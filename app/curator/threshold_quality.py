"""How right a threshold is, estimated from the verdicts of people."""

from __future__ import annotations

import streamlit as st

from app.curator.charts import precision_and_recall
from blip2core.calibration import (
    Estimate,
    ScoredVerdict,
    ThresholdEstimate,
    estimate_thresholds,
    threshold_for,
)
from blip2core.texts import count_of

_CURVE_THRESHOLDS = tuple(step / 50 for step in range(51))
"""Thresholds at which the curves are computed."""


def draw_quality(scores: list[float], verdicts: list[ScoredVerdict], threshold: float) -> None:
    """Draw precision and recall, estimated from the verdicts so far."""
    if not verdicts:
        st.info(
            "How right a threshold is can be estimated once people have decided about some texts: "
            "the nearest to it, and some at random."
        )
        return
    points = estimate_thresholds(scores, verdicts, [*_CURVE_THRESHOLDS, threshold])
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
        f"({here.verdicts:,} above the threshold); verdicts from everywhere, "
        "not only from the doubtful middle, make them narrower."
    )
    if here.verdicts == len(verdicts):
        st.caption("Nobody has reviewed a text below the threshold yet: the recall is a guess.")
    st.altair_chart(precision_and_recall(curve, threshold=threshold))
    wanted = st.number_input("Wanted precision", 0.5, 0.999, 0.9, 0.01)
    st.write(advice(threshold_for(curve, wanted), wanted))


def advice(point: ThresholdEstimate | None, wanted: float) -> str:
    """Return in words the lowest threshold whose precision is at least `wanted` with certainty."""
    if point is None:
        return f"No threshold surely gives a precision of {wanted:.0%} yet: review more texts."
    return (
        f"The lowest threshold that surely does: {point.threshold:.2f}. It keeps "
        f"{count_of(point.kept, 'text')}, and finds "
        f"{share_in_words(point.recall)} of the right ones."
    )


def share_in_words(estimate: Estimate) -> str:
    """Return a share with its interval."""
    return f"{estimate.value:.0%} ({estimate.low:.0%} to {estimate.high:.0%})"
