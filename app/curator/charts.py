"""The curator's Altair charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair
import pandas

from app.design_tokens import SOURCES
from blip2core.calibration import ThresholdEstimate

BINS = 40
"""Bins of a histogram."""
_HEIGHT = 220
"""Pixels."""
_THRESHOLD_COLOUR = "#888888"
"""Visible on a light and on a dark page."""


def histogram_chart(
    counts: Mapping[str, Sequence[int]], *, low: float, high: float, threshold: float, title: str
) -> altair.LayerChart | altair.FacetChart:
    """Return a chart of texts by score: a colour for each source, a line at the threshold.

    `counts` holds, for each source, the texts in equally wide bins of [low, high].
    """
    frame = pandas.DataFrame(_stacked_bars(counts, low, high), columns=_BAR_COLUMNS)
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
                scale=altair.Scale(domain=list(SOURCES)),  # the colours are the theme's
                legend=altair.Legend(title=None, orient="top"),
            ),
            tooltip=["source", "from", "to", "texts"],
        )
    )
    line = (
        altair.Chart(pandas.DataFrame({"threshold": [threshold]}))
        .mark_rule(strokeDash=[6, 4], strokeWidth=2, color=_THRESHOLD_COLOUR)
        .encode(x="threshold:Q", tooltip=["threshold"])
    )
    return altair.layer(bars, line).properties(height=_HEIGHT)


_BAR_COLUMNS = ["source", "from", "to", "bottom", "top", "texts"]


def _stacked_bars(
    counts: Mapping[str, Sequence[int]], low: float, high: float
) -> list[tuple[str, float, float, int, int, int]]:
    """Return a row of `_BAR_COLUMNS` for each bar; bars of one bin are stacked."""
    bins = max(map(len, counts.values()), default=1)
    width = (high - low) / bins
    height = [0] * bins
    bars = []
    for source, values in counts.items():
        for i, count in enumerate(values):
            if count:
                left = low + i * width
                bars.append((source, left, left + width, height[i], height[i] + count, count))
                height[i] += count
    return bars


def precision_and_recall(
    points: Sequence[ThresholdEstimate], *, threshold: float
) -> altair.LayerChart | altair.FacetChart:
    """Return a chart of precision and recall by threshold, with bands of their 95 % intervals."""
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
            scale=altair.Scale(domain=["precision", "recall"]),
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
        .mark_rule(strokeDash=[6, 4], strokeWidth=2, color=_THRESHOLD_COLOUR)
        .encode(x="threshold:Q")
    )
    return altair.layer(band, line, rule).properties(height=_HEIGHT)
