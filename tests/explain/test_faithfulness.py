"""Deletion and insertion with a score that is known: how much of certain patches is left."""

from collections.abc import Callable, Sequence
from threading import Event

import pytest
import torch
from torch import Tensor

from blip2core.errors import ConfigError
from blip2core.explain import METHODS, Focus, Heatmap, Trace
from blip2core.explain.faithfulness import Faithfulness, Interval, area, faithfulness, interval
from blip2core.models import ImageFeatures, Matcher
from tests.explain.conftest import TEXT

SIDE = 8
Build = Callable[[Sequence[Sequence[float]]], Heatmap]


class CornerMatcher:
    """The score is the share of the sixteen patches of the upper left quarter that are left."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def itm(self, features: ImageFeatures, texts: Sequence[str]) -> Tensor:
        self.batches.append(len(features))
        assert len(texts) == len(features)
        left = features.vision[..., 0]  # the number of each patch, -1 for the class token
        corner = (left >= 0) & (left // SIDE < 4) & (left % SIDE < 4)
        return corner.sum(dim=1) / 16


def numbered() -> ImageFeatures:
    return ImageFeatures(vision=torch.arange(-1.0, SIDE**2)[None, :, None], encoder="corner")


def corner_map(build: Build, corner: float, rest: float) -> Heatmap:
    rows = [[corner if r < 4 and c < 4 else rest for c in range(SIDE)] for r in range(SIDE)]
    return build(rows)


def measured(found: Heatmap, **settings: int) -> Faithfulness:
    *_, last = faithfulness(CornerMatcher(), numbered(), "a text", found, **settings)
    assert last.result is not None
    return last.result


def test_a_true_map_is_better_than_chance(map_of: Build) -> None:
    result = measured(corner_map(map_of, 2.0, 1.0))
    assert result.shown == tuple(1 - step / 16 for step in range(17))
    assert result.deletion == (1.0, 0.75, 0.5, 0.25, *([0.0] * 13))
    assert result.insertion[:14] == (1.0,) * 13 + (0.75,)
    assert result.deletion_area == pytest.approx(2 / 16)
    assert result.insertion_area == pytest.approx(1 - 2 / 16)
    assert result.random_area.mean == pytest.approx(0.5, abs=0.05)
    assert result.verdict.startswith("Deletion 0.12, insertion 0.88, random 0.")
    assert result.verdict.endswith("the map shows what counts, better than chance.")


@pytest.mark.parametrize(
    ("deletion", "insertion", "verdict"),
    [
        (0.29, 0.71, "the map shows what counts, better than chance."),
        (0.29, 0.7, "hiding what the map shows hurts more than chance, showing it alone helps no"),
        (0.3, 0.71, "showing what the map shows helps more than chance, hiding it hurts no more."),
        (0.3, 0.7, "no better than chance: do not read this map as a reason."),
    ],
)
def test_better_than_chance_is_outside_the_interval(
    deletion: float, insertion: float, verdict: str
) -> None:
    """On the right side of the mean is not enough: many a random order is there."""
    result = Faithfulness(
        score="itm",
        shown=(1.0, 0.0),
        deletion=(1.0, 0.0),
        insertion=(1.0, 0.0),
        random=(1.0, 0.0),
        deletion_area=deletion,
        insertion_area=insertion,
        random_area=Interval(mean=0.5, low=0.3, high=0.7),
    )
    assert verdict in result.verdict
    assert "random 0.50, 95 % of random orders 0.30 to 0.70: " in result.verdict


def test_the_opposite_map_is_not(map_of: Build) -> None:
    result = measured(corner_map(map_of, 1.0, 2.0))
    assert (result.deletion_area, result.insertion_area) == pytest.approx((0.875, 0.125))
    assert "no better than chance" in result.verdict


def test_one_half_is_told_apart(map_of: Build) -> None:
    """The strongest half of the corner first, then everything else, its other half last."""
    rows = [
        [(3.0 if r < 2 else 1.0) if r < 4 and c < 4 else 2.0 for c in range(SIDE)]
        for r in range(SIDE)
    ]
    result = measured(map_of(rows))
    assert not (result.deletes_better or result.inserts_better)


def test_all_of_a_step_is_one_batch(map_of: Build) -> None:
    matcher = CornerMatcher()
    steps = list(faithfulness(matcher, numbered(), "a", corner_map(map_of, 2.0, 1.0), orders=5))
    assert matcher.batches == [7] * 17
    assert [(step.done, step.total) for step in steps] == [(i, 17) for i in range(1, 18)]
    assert [step.result is None for step in steps] == [True] * 16 + [False]


def test_stop_ends_it(map_of: Build) -> None:
    matcher, stop = CornerMatcher(), Event()
    steps = faithfulness(matcher, numbered(), "a", corner_map(map_of, 2.0, 1.0), stop=stop)
    assert next(steps).done == 1
    stop.set()
    assert list(steps) == []
    assert len(matcher.batches) == 1


def test_same_seed_same_orders(map_of: Build) -> None:
    found = corner_map(map_of, 2.0, 1.0)
    assert measured(found, seed=1) == measured(found, seed=1)
    assert measured(found, seed=1).random != measured(found, seed=2).random


def test_with_a_real_matcher(tiny_matcher: Matcher, features: ImageFeatures, traced: Trace) -> None:
    calls = tiny_matcher.vision.calls
    whole = tiny_matcher.match(features, [TEXT])[0]
    for score, full in (("itm", whole.itm), ("itc", whole.itc)):
        found = METHODS["gradcam"](traced, Focus())
        *_, last = faithfulness(tiny_matcher, features, TEXT, found, score=score, steps=4)
        assert last.result.score == score
        assert last.result.deletion[0] == pytest.approx(full, abs=1e-5)
        assert last.result.insertion[0] == pytest.approx(full, abs=1e-5)
        assert last.result.shown == (1.0, 0.75, 0.5, 0.25, 0.0)  # 0: the class token alone
    assert tiny_matcher.vision.calls == calls


def test_area_is_the_mean_of_a_line() -> None:
    assert area([1.0, 0.5, 0.0], [1.0, 0.5, 0.0]) == 0.5
    assert area([1.0, 0.5], [0.8, 0.6]) == pytest.approx(0.7)  # of the part that was measured


def test_an_interval_by_hand() -> None:
    found = interval([0.1, 0.2, 0.3])  # deviation 0.1; Student's t of two degrees of freedom
    assert found.mean == pytest.approx(0.2)
    assert found.high - found.mean == pytest.approx(4.303 * 0.1 * (4 / 3) ** 0.5, rel=1e-3)
    assert found.mean - found.low == pytest.approx(found.high - found.mean)
    many = interval([0.0, 1.0] * 50)
    assert many.high == pytest.approx(0.5 + 1.96 * (25 / 99) ** 0.5 * 1.01**0.5)


def test_interval_holds_most_single_values() -> None:
    source = torch.Generator().manual_seed(0)
    inside = 0
    for _ in range(300):
        *sample, further = torch.randn(11, generator=source).tolist()
        found = interval(sample)
        inside += found.low <= further <= found.high
    assert 0.91 <= inside / 300 <= 0.985


def test_mistakes_are_told(map_of: Build) -> None:
    with pytest.raises(ConfigError, match="flat map"):
        next(faithfulness(CornerMatcher(), numbered(), "a", corner_map(map_of, 1.0, 1.0)))
    with pytest.raises(ConfigError, match="orders"):
        next(faithfulness(CornerMatcher(), numbered(), "a", corner_map(map_of, 2, 1), orders=1))
