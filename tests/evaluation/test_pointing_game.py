"""The pointing game with maps that are known to be right, wrong or flat."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from blip2core.evaluation import gallery as painting
from blip2core.evaluation.gallery import Gallery, build_gallery, draw_scenes
from blip2core.evaluation.pointing_game import (
    PointingGame,
    best_constant_point,
    measure_pointing,
    named_group,
    patches_inside,
    play_games,
    wilson,
)
from blip2core.explain import METHODS, Focus, Heatmap, Trace
from blip2core.explain.heatmap import heatmap
from blip2core.models import Matcher
from blip2core.stickers.captions import claim_of
from blip2core.stickers.scene import Box, Group

SCENES = draw_scenes(7, 12)


@pytest.fixture
def images_of_scenes(tiny_matcher: Matcher, monkeypatch: pytest.MonkeyPatch) -> Gallery:
    """The emoji font is not needed here."""
    monkeypatch.setattr(
        painting, "paint", lambda scene: Image.new("RGB", (28, 28), (scene.seed % 256,) * 3)
    )
    return build_gallery(tiny_matcher, SCENES)


def truth(inside: bool) -> Callable[[Trace, Focus], Heatmap]:
    """A method that knows where the named group is, and points there or anywhere else."""

    def method(trace: Trace, focus: Focus) -> Heatmap:
        scene = next(s for s in SCENES if claim_of(named_group(s)).phrase() == trace.text)
        right = patches_inside(named_group(scene), trace.grid)
        values = torch.tensor(
            [float(((row, column) in right) == inside) for row in range(2) for column in range(2)]
        )
        return heatmap(values, trace.grid, "known")

    return method


def test_a_scene_of_one_group_is_no_crowd(tiny_matcher: Matcher, images_of_scenes: Gallery) -> None:
    games = list(play_games(tiny_matcher, images_of_scenes, {"known": truth(inside=True)}))
    crowds = [len(scene.groups) > 1 for scene in SCENES]
    assert [game.among_others for game in games] == crowds and len(set(crowds)) == 2


def test_boxes_hold_the_patches_whose_centre_they_cover() -> None:
    group = Group(noun="car", colour=None, size="small", boxes=(Box(28, 14, 22), Box(105, 105, 14)))
    inside = patches_inside(group, (8, 8))  # patches of 14 pixels, centres at 7, 21, 35, ...
    assert inside == {(0, 1), (0, 2), (1, 1), (1, 2), (7, 7)}


def test_known_maps_hit_and_miss(tiny_matcher: Matcher, images_of_scenes: Gallery) -> None:
    calls = tiny_matcher.vision.calls
    full = [scene for scene in SCENES if not 0 < len(inside_of(scene)) < 4]
    flat = len(full)  # a group in all or none of the four patches leaves a flat map
    methods = {"right": truth(True), "wrong": truth(False)}
    figures = measure_pointing(tiny_matcher, images_of_scenes, methods)
    assert figures["right"]["hits"] == pytest.approx(1 - flat / len(SCENES))
    assert figures["wrong"]["hits"] == 0
    expected = sum(len(inside_of(scene)) for scene in SCENES) / 4 / len(SCENES)
    assert figures["chance"] == pytest.approx(expected)
    assert tiny_matcher.vision.calls == calls


def inside_of(scene: object) -> frozenset[tuple[int, int]]:
    return patches_inside(named_group(scene), (2, 2))


def test_every_method_plays(tiny_matcher: Matcher, images_of_scenes: Gallery) -> None:
    figures = measure_pointing(tiny_matcher, images_of_scenes)
    assert set(figures) == {"chance", "best_constant_point", *METHODS}
    for name in METHODS:
        rates = figures[name]
        assert 0 <= rates["low"] <= rates["hits"] <= rates["high"] <= 1
        assert 0 <= rates["among_others"] <= 1


def test_the_best_constant_point_knows_all_games() -> None:
    game = PointingGame(right=frozenset({(0, 0)}), peaks={}, among_others=True, grid=(2, 2))
    games = [game, game, replace(game, right=frozenset({(0, 1), (1, 1)}))]
    assert best_constant_point(games) == pytest.approx(2 / 3)


def test_intervals_are_those_of_wilson() -> None:
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson(0, 10)[0] == 0
    assert wilson(10, 10)[1] == 1


@given(hits=st.integers(0, 3000), misses=st.integers(0, 3000))
def test_intervals_are_shares_around_the_share(hits: int, misses: int) -> None:
    count = max(1, hits + misses)
    low, high = wilson(hits, count)
    assert 0 <= low <= hits / count <= high <= 1


def test_the_named_group_is_always_the_same() -> None:
    assert [named_group(scene) for scene in SCENES] == [named_group(scene) for scene in SCENES]
    assert len({named_group(scene).noun for scene in SCENES}) > 3
