"""Random weights, the matcher untouched, and rank correlation."""

from collections.abc import Callable
from threading import Event

import pytest
import torch
from PIL import Image

from blip2core.explain import METHODS, Heatmap
from blip2core.explain.sanity import randomised, rank_correlation, sanity_check
from blip2core.models import ImageFeatures, Matcher

Build = Callable[..., Heatmap]


def test_the_shared_model_is_not_damaged(tiny_matcher: Matcher, features: ImageFeatures) -> None:
    before = {name: weight.clone() for name, weight in tiny_matcher.model.state_dict().items()}
    stranger = randomised(tiny_matcher, 0)
    changed = {
        name
        for name, weight in stranger.model.state_dict().items()
        if not torch.equal(weight, before[name])
    }
    assert "query_tokens" in changed
    assert "qformer.encoder.layer.0.crossattention.attention.key.weight" in changed
    assert all(name.startswith("qformer.") or name == "query_tokens" for name in changed)
    assert stranger.itm(features, ["a"]) != tiny_matcher.itm(features, ["a"])
    after = tiny_matcher.model.state_dict()
    assert all(torch.equal(weight, after[name]) for name, weight in before.items())
    assert stranger.model.vision_model is tiny_matcher.model.vision_model


def test_same_seed_same_weights(tiny_matcher: Matcher) -> None:
    first, again, other = (randomised(tiny_matcher, seed).model for seed in (3, 3, 4))
    assert torch.equal(first.query_tokens, again.query_tokens)
    assert not torch.equal(first.query_tokens, other.query_tokens)


def test_one_result_for_each_round(tiny_matcher: Matcher, features: ImageFeatures) -> None:
    calls = tiny_matcher.vision.calls
    found = list(sanity_check(tiny_matcher, features, "a car", METHODS["gradcam"], rounds=3))
    assert [len(one.correlations) for one in found] == [1, 2, 3]
    assert [one.finished for one in found] == [False, False, True]
    assert all(-1 <= value <= 1 for value in found[-1].correlations)
    assert found[-1].verdict.startswith("Rank correlation with the maps of random Q-Formers")
    assert tiny_matcher.vision.calls == calls


def test_a_map_of_the_image_alone_can_be_checked(
    tiny_matcher: Matcher, images: list[Image.Image]
) -> None:
    features = tiny_matcher.encode(images[:1])
    (found,) = sanity_check(tiny_matcher, features, None, METHODS["rollout"], rounds=1)
    assert found.finished


def test_a_method_that_ignores_the_model_fails(
    tiny_matcher: Matcher, features: ImageFeatures, map_of: Build
) -> None:
    always = map_of([[1.0, 2.0], [3.0, 4.0]])
    *_, found = sanity_check(tiny_matcher, features, "a", lambda *_: always, rounds=2)
    assert found.mean == pytest.approx(1.0)
    assert "says little" in found.verdict


def test_stop_ends_it(tiny_matcher: Matcher, features: ImageFeatures) -> None:
    stop = Event()
    rounds = sanity_check(tiny_matcher, features, "a", METHODS["winner"], rounds=50, stop=stop)
    next(rounds)
    stop.set()
    assert list(rounds) == []


def test_rank_correlation_by_hand(map_of: Build) -> None:
    ordered, same, reverse = (
        map_of([[1.0, 2.0, 3.0]]),
        map_of([[1.0, 9.0, 99.0]]),
        map_of([[3, 2, 1]]),
    )
    assert rank_correlation(ordered, same) == pytest.approx(1)
    assert rank_correlation(ordered, reverse) == pytest.approx(-1)
    assert rank_correlation(ordered, map_of([[5.0, 5.0, 5.0]])) == 0  # flat
    ties = map_of([[1.0, 1.0, 2.0]])  # ranks 1.5, 1.5, 3 against 1, 2, 3
    assert rank_correlation(ordered, ties) == pytest.approx(3**0.5 / 2)
