"""Precision and recall of thresholds, estimated from a curator's verdicts, with intervals.

Verdicts are no fair sample: people look at doubtful texts first. So texts are cut into strata of
equal size by their score, the share of right texts is estimated in each stratum from the verdicts
there, and the strata are put together by how many texts each holds. A stratum without verdicts
says nothing, and the interval shows it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray

from blip2core.errors import ConfigError

STRATA = 20
"""Strata by score; fewer where scores repeat."""
DRAWS = 2_000
"""Draws from the posterior, from which intervals are read."""
LEVEL = 0.95
"""Probability that an interval holds the true value."""
Numbers = NDArray[numpy.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A share in [0, 1], or an area under ROC, and the interval that holds it with probability
    LEVEL.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdEstimate:
    """Estimated precision and recall of a threshold."""

    threshold: float
    kept: int
    """Texts that score at least the threshold."""
    verdicts: int
    """Verdicts among them."""
    precision: Estimate
    """Share of right texts among the kept."""
    recall: Estimate
    """Share of the right texts that are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredVerdict:
    """The score of a text, and the verdict of a person on it."""

    score: float
    right: bool


def estimate_thresholds(
    scores: Sequence[float], verdicts: Sequence[ScoredVerdict], thresholds: Sequence[float]
) -> list[ThresholdEstimate]:
    """Estimate precision and recall of each threshold over all texts.

    Args:
        scores: Of all texts, with a verdict or without one.
        verdicts: Scores of those with a verdict.
        thresholds: A text is kept where its score is at least this.
    """
    every = numpy.sort(numpy.asarray(scores, dtype=numpy.float64))
    if not len(every):
        return []
    edges = numpy.unique(numpy.quantile(every, numpy.linspace(0, 1, STRATA + 1)[1:-1]))
    shares = _right_shares(verdicts, edges)  # (DRAWS, strata)
    scored = numpy.sort([verdict.score for verdict in verdicts])
    total = shares @ _count(every, edges)
    points = []
    for threshold in thresholds:
        kept = every[numpy.searchsorted(every, threshold) :]
        right = shares @ _count(kept, edges)
        points.append(
            ThresholdEstimate(
                threshold=threshold,
                kept=len(kept),
                verdicts=len(scored) - int(numpy.searchsorted(scored, threshold)),
                precision=_estimate(right / max(len(kept), 1)),
                recall=_estimate(right / total),
            )
        )
    return points


def threshold_for(
    points: Sequence[ThresholdEstimate], precision: float
) -> ThresholdEstimate | None:
    """Return the lowest threshold whose precision is at least so high by its whole interval.

    None where the verdicts so far promise it for no threshold.
    Raises ConfigError for a precision outside ]0, 1].
    """
    if not 0 < precision <= 1:
        raise ConfigError(f"precision ({precision}) must be above 0, at most 1")
    sure = [point for point in points if point.kept and point.precision.low >= precision]
    return min(sure, key=lambda point: point.threshold, default=None)


def share_interval(right: int, verdicts: int) -> Estimate:
    """Return the share of right texts in a fair sample, such as an audit, with its interval."""
    draws = numpy.random.default_rng(0).beta(right + 0.5, verdicts - right + 0.5, DRAWS)
    return _estimate(draws, right / verdicts if verdicts else None)


def _right_shares(verdicts: Sequence[ScoredVerdict], edges: Numbers) -> Numbers:
    """Return (DRAWS, strata) shares of right texts,
    drawn from the posterior under Jeffreys' prior.
    """
    right = _count([v.score for v in verdicts if v.right], edges)
    wrong = _count([v.score for v in verdicts if not v.right], edges)
    # The same verdicts give the same figures: a page that is drawn again must not flicker.
    draws = numpy.random.default_rng(0)
    return draws.beta(right + 0.5, wrong + 0.5, size=(DRAWS, len(right)))


def _count(scores: Sequence[float] | Numbers, edges: Numbers) -> Numbers:
    """Return how many scores fall into each stratum, (strata,)."""
    strata = numpy.searchsorted(edges, numpy.asarray(scores, dtype=numpy.float64), side="right")
    return numpy.bincount(strata, minlength=len(edges) + 1).astype(numpy.float64)


def _estimate(draws: Numbers, value: float | None = None) -> Estimate:
    low, middle, high = numpy.quantile(draws, [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2])
    known = float(middle if value is None else value)
    # A sample of one kind alone has its share, 0 or 1, as an end of its interval (Brown, Cai and
    # DasGupta, 2001, of Jeffreys' prior); and rounding must not lead out of 0 to 1.
    return Estimate(value=_share(known), low=_share(min(low, known)), high=_share(max(high, known)))


def _share(value: float) -> float:
    return min(max(float(value), 0.0), 1.0)
