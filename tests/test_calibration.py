"""Thresholds from verdicts, checked against worlds whose truth is known."""

import random

import pytest

from blip2core.calibration import JudgedScore, estimate_thresholds, share_interval, threshold_for
from blip2core.errors import ConfigError

THRESHOLDS = (0.2, 0.5, 0.8)


def world(texts: int, seed: int = 0) -> list[JudgedScore]:
    """Texts whose chance to be right is their score."""
    draws = random.Random(seed)
    scores = [draws.random() for _ in range(texts)]
    return [JudgedScore(score=score, right=draws.random() < score) for score in scores]


def truth(texts: list[JudgedScore], threshold: float) -> tuple[float, float]:
    kept = [text.right for text in texts if text.score >= threshold]
    return sum(kept) / len(kept), sum(kept) / sum(text.right for text in texts)


def estimate(texts: list[JudgedScore], judged: list[JudgedScore]):
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
    verdicts = [JudgedScore(score=0.5, right=True), JudgedScore(score=0.4, right=False)]
    (point,) = estimate_thresholds([0.4, 0.5, 0.5], verdicts, [0.5])
    assert (point.kept, point.judged) == (2, 1)


def test_equal_scores_are_no_trouble() -> None:
    texts = [JudgedScore(score=1.0, right=True)] * 50
    (point,) = estimate_thresholds([1.0] * 50, texts, [0.5])
    assert point.precision.low > 0.9 and point.recall.value == 1


def test_share_of_an_audit() -> None:
    audit = share_interval(45, 50)
    assert audit.value == 0.9
    assert 0.75 < audit.low < 0.85 < 0.94 < audit.high < 0.99
    assert share_interval(0, 0).high > 0.95
