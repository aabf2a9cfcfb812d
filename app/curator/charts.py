"""The curator's charts: numbers in, Altair charts out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair
import pandas

from blip2core.calibration import Point

BINS = 40
"""Bars of a histogram."""
COLOURS = {"web": "#b45309", "synthetic": "#0f766e", "edited": "#6d28d9", "human": "#1d4ed8"}
"""One for each source of texts, told apart also by colour-blind eyes and in grey."""
HEIGHT = 220
RULE = "#888888"
"""Of the line at the threshold: seen on light and on dark."""


def histogram(
    counts: Mapping[str, Sequence[int]], *, low: float, high: float, threshold: float, title: str
) -> altair.LayerChart:
    """Bars of texts by score, one colour a source, with a line at the threshold.

    `counts`: source -> texts in each of equally wide slices of [low, high].
    """
    frame = pandas.DataFrame(stacked(counts, low, high), columns=BAR)
    bars = (
        altair.Chart(frame)
        .mark_rect(opacity=0.8)
        .encode(
            x=altair.X("from:Q", title=title, scale=altair.Scale(domain=[low, high])),
            x2="to:Q",
            y=altair.Y("bottom:Q", title="texts"),
            y2="top:Q",
            color=altair.Color(
                "source:N",
                scale=altair.Scale(domain=list(COLOURS), range=list(COLOURS.values())),
                legend=altair.Legend(title=None, orient="top"),
            ),
            tooltip=["source", "from", "to", "texts"],
        )
    )
    line = (
        altair.Chart(pandas.DataFrame({"threshold": [threshold]}))
        .mark_rule(strokeDash=[6, 4], strokeWidth=2, color=RULE)
        .encode(x="threshold:Q", tooltip=["threshold"])
    )
    return altair.layer(bars, line).properties(height=HEIGHT)


BAR = ["source", "from", "to", "bottom", "top", "texts"]


def stacked(
    counts: Mapping[str, Sequence[int]], low: float, high: float
) -> list[tuple[str, float, float, int, int, int]]:
    """Bars as BAR names their sides; those of one slice stand on one another."""
    slices = max(map(len, counts.values()), default=1)
    width = (high - low) / slices
    height = [0] * slices
    bars = []
    for source, values in counts.items():
        for i, count in enumerate(values):
            if count:
                left = low + i * width
                bars.append((source, left, left + width, height[i], height[i] + count, count))
                height[i] += count
    return bars


def precision_and_recall(points: Sequence[Point], *, threshold: float) -> altair.LayerChart:
    """Both over the threshold, as lines with the bands that hold them with 95 % probability."""
    rows = [
        {
            "threshold": point.threshold,
            "what": what,
            "share": estimate.value,
            "low": estimate.low,
            "high": estimate.high,
        }
        for point in points
        for what, estimate in (("precision", point.precision), ("recall", point.recall))
    ]
    columns = ["threshold", "what", "share", "low", "high"]
    base = altair.Chart(pandas.DataFrame(rows, columns=columns)).encode(
        x=altair.X("threshold:Q", scale=altair.Scale(domain=[0, 1])),
        color=altair.Color(
            "what:N",
            scale=altair.Scale(domain=["precision", "recall"], range=["#0f766e", "#b45309"]),
            legend=altair.Legend(title=None, orient="top"),
        ),
    )
    share = altair.Scale(domain=[0, 1])
    band = base.mark_area(opacity=0.2).encode(
        y=altair.Y("low:Q", title="share", scale=share), y2="high:Q"
    )
    line = base.mark_line().encode(y=altair.Y("share:Q", scale=share), tooltip=columns)
    rule = (
        altair.Chart(pandas.DataFrame({"threshold": [threshold]}))
        .mark_rule(strokeDash=[6, 4], strokeWidth=2, color=RULE)
        .encode(x="threshold:Q")
    )
    return altair.layer(band, line, rule).properties(height=HEIGHT)
