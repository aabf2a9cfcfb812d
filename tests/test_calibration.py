"""Thresholds from verdicts, checked against worlds whose truth is known."""

import random
from collections.abc import Sequence

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from blip2core.calibration import (
    Estimate,
    ScoredVerdict,
    ThresholdEstimate,
    estimate_thresholds,
    share_interval,
    threshold_for,
)
from blip2core.errors import ConfigError

THRESHOLDS = (0.2, 0.5, 0.8)


def world(texts: int, seed: int = 0) -> list[ScoredVerdict]:
    """Texts whose chance to be right is their score."""
    draws = random.Random(seed)
    scores = [draws.random() for _ in range(texts)]
    return [ScoredVerdict(score=score, right=draws.random() < score) for score in scores]


def truth(texts: list[ScoredVerdict], threshold: float) -> tuple[float, float]:
    kept = [text.right for text in texts if text.score >= threshold]
    return sum(kept) / len(kept), sum(kept) / sum(text.right for text in texts)


def estimate(texts: list[ScoredVerdict], judged: list[ScoredVerdict]):
    return estimate_thresholds([text.score for text in texts], judged, THRESHOLDS)


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    held = []
    for seed in range(30):
        texts = world(2_000, seed)
        for point in estimate(texts, random.Random(seed).sample(texts, 300)):
            precision, recall = truth(texts, point.threshold)
            held.append(point.precision.low <= precision <= point.precision.high)
            held.append(point.recall.low <= recall <= point.recall.high)
    assert 0.9 < sum(held) / len(held) <= 1


def test_doubtful_texts_first_does_not_mislead() -> None:
    """Most verdicts lie near 0.5, where half are wrong; what scores higher is right more often."""
    texts = world(4_000)
    doubtful = sorted(texts, key=lambda text: abs(text.score - 0.5))[:800]
    judged = doubtful + random.Random(1).sample(texts, 300)
    point = estimate(texts, judged)[1]
    among_judged = [text.right for text in judged if text.score >= 0.5]
    precision, _ = truth(texts, 0.5)
    assert abs(point.precision.value - precision) < 0.05
    assert abs(sum(among_judged) / len(among_judged) - precision) > 0.1


def test_more_verdicts_make_narrower_intervals() -> None:
    texts = world(2_000)
    few, many = (estimate(texts, random.Random(0).sample(texts, n))[1] for n in (50, 1_000))
    assert many.precision.high - many.precision.low < few.precision.high - few.precision.low


def test_without_verdicts_nothing_is_promised() -> None:
    points = estimate(world(500), [])
    assert all(point.precision.high - point.precision.low > 0.3 for point in points)
    assert threshold_for(points, 0.9) is None
    assert estimate_thresholds([], [], THRESHOLDS) == []


def test_lowest_sure_threshold_is_chosen() -> None:
    texts = world(4_000)
    points = estimate(texts, texts)
    chosen = threshold_for(points, 0.7)
    assert chosen is not None and chosen.threshold == 0.5
    assert threshold_for(points, 0.99) is None
    with pytest.raises(ConfigError, match="precision"):
        threshold_for(points, 1.5)


def test_counts_include_the_threshold_itself() -> None:
    verdicts = [ScoredVerdict(score=0.5, right=True), ScoredVerdict(score=0.4, right=False)]
    (point,) = estimate_thresholds([0.4, 0.5, 0.5], verdicts, [0.5])
    assert (point.kept, point.verdicts) == (2, 1)


def test_equal_scores_are_no_trouble() -> None:
    texts = [ScoredVerdict(score=1.0, right=True)] * 50
    (point,) = estimate_thresholds([1.0] * 50, texts, [0.5])
    assert point.precision.low > 0.9 and point.recall.value == 1


def test_share_of_an_audit() -> None:
    audit = share_interval(45, 50)
    assert audit.value == 0.9
    assert 0.75 < audit.low < 0.85 < 0.94 < audit.high < 0.99
    assert share_interval(0, 0).high > 0.95


def judged(score: float, right: int, wrong: int) -> list[ScoredVerdict]:
    verdicts = [True] * right + [False] * wrong
    return [ScoredVerdict(score=score, right=verdict) for verdict in verdicts]


def holds(estimate: Estimate, quantiles: Sequence[float], off: float) -> None:
    """An estimate is the middle and the ends of the 95 % interval given."""
    low, middle, high = quantiles
    assert estimate.low == pytest.approx(low, abs=off)
    assert estimate.value == pytest.approx(middle, abs=off)
    assert estimate.high == pytest.approx(high, abs=off)


def jeffreys(right: int, wrong: int) -> list[float]:
    """2.5 %, 50 % and 97.5 % quantile of the share after so many verdicts, in closed form."""
    return list(beta.ppf([0.025, 0.5, 0.975], right + 0.5, wrong + 0.5))


@pytest.mark.parametrize(("right", "wrong"), [(0, 0), (3, 1), (7, 0), (20, 60)])
def test_one_stratum_is_jeffreys_interval(right: int, wrong: int) -> None:
    (point,) = estimate_thresholds([0.7] * 100, judged(0.7, right, wrong), [0.5])
    holds(point.precision, jeffreys(right, wrong), off=0.03)
    assert (point.kept, point.verdicts) == (100, right + wrong)
    assert point.recall == Estimate(value=1, low=1, high=1)


def test_strata_count_by_their_texts_and_not_by_their_verdicts() -> None:
    """600 texts score 0.2 and 400 score 0.8; the verdicts are nearly all on the former."""
    scores = [0.2] * 600 + [0.8] * 400
    verdicts = judged(0.2, 50, 450) + judged(0.8, 36, 4)
    everything, high = estimate_thresholds(scores, verdicts, [0.0, 0.5])
    numbers = numpy.random.default_rng(1)
    low_right = 600 * numbers.beta(50.5, 450.5, 100_000)
    high_right = 400 * numbers.beta(36.5, 4.5, 100_000)
    ends = [0.025, 0.5, 0.975]
    holds(high.precision, jeffreys(36, 4), off=0.01)
    holds(high.recall, numpy.quantile(high_right / (low_right + high_right), ends), off=0.01)
    holds(everything.precision, numpy.quantile((low_right + high_right) / 1000, ends), off=0.01)
    assert high.precision.value == pytest.approx(0.9, abs=0.02)
    assert high.recall.value == pytest.approx(360 / 420, abs=0.02)
    assert (high.kept, high.verdicts) == (400, 40)
    assert (everything.kept, everything.verdicts) == (1000, 540)


def test_a_stratum_is_a_twentieth_of_the_texts() -> None:
    """Verdicts on the best twentieth say all about it, and nothing about the next."""
    scores = [place / 1000 for place in range(1000)]
    verdicts = judged(0.97, 10_000, 0) + judged(0.5, 0, 10_000)
    best, tenth, half = estimate_thresholds(scores, verdicts, [0.951, 0.9, 0.5])
    assert best.precision.low > 0.999
    unknown = beta.ppf([0.025, 0.5, 0.975], 0.5, 0.5)  # of the next twentieth, without verdicts
    holds(tenth.precision, (1 + unknown) / 2, off=0.02)
    # Of ten strata from 0.5 on, one is right, one is wrong, and of eight nothing is known.
    assert half.precision.value == pytest.approx(0.5, abs=0.02)
    assert half.precision.high < 0.9 and half.precision.low > 0.1


def test_a_score_on_the_border_belongs_to_the_stratum_above() -> None:
    """Of the scores 0 to 20 each is a border; 19, the last one, shares its stratum with 20."""
    verdicts = judged(19, 1_000, 0) + judged(20, 0, 1_000)
    (point,) = estimate_thresholds(range(21), verdicts, [20])
    assert point.kept == 1
    assert point.precision.value == pytest.approx(0.5, abs=0.02)


def test_a_threshold_above_all_scores_keeps_nothing() -> None:
    (point,) = estimate_thresholds([0.2, 0.4], judged(0.4, 1, 0), [0.9])
    assert (point.kept, point.verdicts) == (0, 0)
    assert point.precision == point.recall == Estimate(value=0, low=0, high=0)


def test_the_same_verdicts_give_the_same_figures() -> None:
    texts = world(100)
    assert estimate(texts, texts) == estimate(texts, texts)
    assert share_interval(3, 7) == share_interval(3, 7)


def made(threshold: float, low: float, value: float = 0.95, kept: int = 1) -> ThresholdEstimate:
    """A point of which only the precision matters."""
    share = Estimate(value=value, low=low, high=1.0)
    return ThresholdEstimate(
        threshold=threshold, kept=kept, verdicts=1, precision=share, recall=share
    )


def test_the_interval_promises_a_precision_and_not_its_middle() -> None:
    points = [made(0.8, low=0.93), made(0.2, low=0.5), made(0.6, low=0.9), made(0.4, low=0.899)]
    assert threshold_for(points, 0.9) == points[2]
    assert threshold_for(points, 0.94) is None
    assert threshold_for(points[:2], 0.5) == points[1]


def test_a_threshold_that_keeps_nothing_promises_nothing() -> None:
    assert threshold_for([made(0.9, low=1.0, kept=0)], 0.5) is None


@pytest.mark.parametrize("precision", [0, -0.1, 1.01])
def test_no_precision_outside_its_range(precision: float) -> None:
    with pytest.raises(ConfigError, match="above 0, at most 1"):
        threshold_for([], precision)
    assert threshold_for([made(0.5, low=1.0)], 1) is not None


@given(
    scores=st.lists(st.floats(0, 1), min_size=1, max_size=40),
    judged=st.lists(st.tuples(st.integers(0, 39), st.booleans()), max_size=40),
    thresholds=st.lists(st.floats(-0.1, 1.1), min_size=1, max_size=5),
)
def test_estimates_are_shares_inside_their_intervals(
    scores: list[float], judged: list[tuple[int, bool]], thresholds: list[float]
) -> None:
    verdicts = [ScoredVerdict(score=scores[at % len(scores)], right=right) for at, right in judged]
    for point in estimate_thresholds(scores, verdicts, thresholds):
        for found in (point.precision, point.recall):
            assert 0 <= found.low <= found.value <= found.high <= 1


@given(right=st.integers(0, 200), wrong=st.integers(0, 200))
def test_an_audit_is_a_share_inside_its_interval(right: int, wrong: int) -> None:
    found = share_interval(right, right + wrong)
    assert 0 <= found.low <= found.value <= found.high <= 1


@pytest.mark.parametrize(("right", "count"), [(45, 50), (0, 10), (10, 10), (1, 3)])
def test_an_audit_has_the_share_found_and_jeffreys_interval(right: int, count: int) -> None:
    found = share_interval(right, count)
    low, _, high = jeffreys(right, count - right)
    holds(found, (low, right / count, high), off=0.02)
    assert found.value == right / count


def test_an_audit_of_nothing_knows_nothing() -> None:
    holds(share_interval(0, 0), jeffreys(0, 0), off=0.03)
