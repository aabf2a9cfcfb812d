"""Deletion and insertion with a score that is known: how much of certain patches is left."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from threading import Event

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from blip2core.errors import ConfigError
from blip2core.explain import METHODS, Focus, Heatmap, Trace
from blip2core.explain.faithfulness import Faithfulness, area, faithfulness
from blip2core.explain.fit import Fit
from blip2core.models import ImageFeatures, Matcher, find_spec
from tests.explain.conftest import TEXT

SIDE = 8
Build = Callable[[Sequence[Sequence[float]]], Heatmap]


class CornerMatcher:
    """The score is the share of the sixteen patches of the upper left quarter that are left."""

    spec = find_spec("blip2-itm-vit-g")

    def __init__(self) -> None:
        self.batches: list[int] = []

    def is_truncated(self, text: str) -> bool:
        return False

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
    assert result.fit == Fit(text="a text", itm=1.0)
    assert result.random_area == pytest.approx(0.5, abs=0.05)
    assert result.shows_what_counts
    assert result.verdict.startswith("Deletion 0.12, insertion 0.88, random orders 0.5")
    assert result.verdict.endswith("the map shows what counts, better than chance.")


def judged(itm: float, deletion: float, insertion: float, chance: float = 0.3) -> Faithfulness:
    """A result with these areas, where random orders have a mean of 0.5."""
    return Faithfulness(
        score="itm",
        fit=Fit(text="a text", itm=itm),
        shown=(1.0, 0.0),
        deletion=(1.0, 0.0),
        insertion=(1.0, 0.0),
        random=(1.0, 0.0),
        deletion_area=deletion,
        insertion_area=insertion,
        random_areas=(0.4, 0.6),
        random_difference=chance,
    )


UNREAD = "do not read this map"


@pytest.mark.parametrize(
    ("itm", "deletion", "insertion", "verdict"),
    [
        (0.5, 0.44, 0.76, "the map shows what counts, better than chance."),
        (0.9, 0.24, 0.55, "the map shows what counts, better than chance."),
        (0.49, 0.1, 0.9, f"the text does not fit, so nothing shows why it would: {UNREAD}."),
        (0.9, 0.36, 0.65, f"no better than chance: {UNREAD} as a reason."),
        (0.9, 0.6, 0.55, f"no better than chance: {UNREAD} as a reason."),
        (0.9, 0.2, 0.54, "hiding what the map shows hurts more than chance, showing it helps no"),
        (0.9, 0.46, 0.8, "showing what the map shows helps more than chance, hiding it hurts no"),
    ],
)
def test_a_map_needs_a_text_that_fits_and_both_sides(
    itm: float, deletion: float, insertion: float, verdict: str
) -> None:
    result = judged(itm, deletion, insertion)
    assert f"random orders 0.50 (0.40 to 0.60): {verdict}" in result.verdict
    assert result.shows_what_counts is ("shows what counts" in verdict)
    assert result.is_beyond_chance is (UNREAD not in verdict)


def test_words_that_were_never_learned_have_no_map() -> None:
    fit = Fit(text="a suit", itm=0.9, unlearned=("suit",))
    result = replace(judged(0.9, 0.2, 0.8), fit=fit)
    assert not (result.is_beyond_chance or result.shows_what_counts)
    assert result.verdict.endswith(f"the matcher never learned some of these words: {UNREAD}.")


def test_what_is_beyond_chance_can_be_too_small_to_read() -> None:
    result = judged(0.9, 0.46, 0.54, chance=0.01)
    assert result.is_beyond_chance and not result.shows_what_counts
    assert result.verdict.endswith("but by too little to read much into this map.")


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
    assert not result.is_beyond_chance
    assert "no better than chance" in result.verdict


def test_a_text_that_does_not_fit_has_no_reason(
    map_of: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The very map that is right where the text fits."""
    whole = CornerMatcher.itm
    monkeypatch.setattr(CornerMatcher, "itm", lambda *given: whole(*given) * 0.4)
    result = measured(corner_map(map_of, 2.0, 1.0))
    assert result.fit.itm == pytest.approx(0.4)
    assert result.insertion_area - result.deletion_area > result.random_difference
    assert not result.shows_what_counts
    assert "the text does not fit" in result.verdict


def test_every_random_order_is_read_in_both_directions(map_of: Build) -> None:
    """With the share of a corner as score, an order and its reverse have areas around one half."""
    result = measured(corner_map(map_of, 2.0, 1.0), orders=3)
    assert len(result.random_areas) == 6
    pairs = list(zip(result.random_areas[:3], result.random_areas[3:], strict=True))
    assert [sum(pair) for pair in pairs] == pytest.approx([1.0] * 3)
    differences = [abs(one - other) for one, other in pairs]
    assert result.random_difference == max(differences) > min(differences)


def test_all_of_a_step_is_one_batch(map_of: Build) -> None:
    matcher = CornerMatcher()
    steps = list(faithfulness(matcher, numbered(), "a", corner_map(map_of, 2.0, 1.0), orders=5))
    assert matcher.batches == [1, *[12] * 17]
    assert [(step.done, step.total) for step in steps] == [(i, 17) for i in range(1, 18)]
    assert [step.result is None for step in steps] == [True] * 16 + [False]


def test_stop_ends_it(map_of: Build) -> None:
    matcher, stop = CornerMatcher(), Event()
    steps = faithfulness(matcher, numbered(), "a", corner_map(map_of, 2.0, 1.0), stop=stop)
    assert next(steps).done == 1
    stop.set()
    assert list(steps) == []
    assert len(matcher.batches) == 2  # the whole image, and the first step


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


@given(
    curve=st.lists(st.floats(0, 1), min_size=2, max_size=40),
    total=st.integers(1, 1000),
)
def test_areas_of_probabilities_are_probabilities(curve: list[float], total: int) -> None:
    """Shares of 27 x 27 patches are no sums of powers of two: rounding leads out of the range."""
    steps = len(curve) - 1
    shown = [round(total * (steps - i) / steps) / total for i in range(len(curve))]
    assert min(curve) <= area(shown, curve) <= max(curve)


def test_rounding_leads_no_area_above_one() -> None:
    shown = [1.0, 0.9, 0.7, 0.6, 0.3, 0.1, 0.0]
    for total in range(2, 200):
        shown = [count / total for count in range(total, -1, -1)]
        assert area(shown, [1.0] * len(shown)) == 1.0


def test_mistakes_are_told(map_of: Build) -> None:
    with pytest.raises(ConfigError, match="flat map"):
        next(faithfulness(CornerMatcher(), numbered(), "a", corner_map(map_of, 1.0, 1.0)))
    with pytest.raises(ConfigError, match="orders"):
        next(faithfulness(CornerMatcher(), numbered(), "a", corner_map(map_of, 2, 1), orders=1))
