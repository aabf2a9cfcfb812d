"""Maps of a tiny model, measured: figures for each method, in their ranges."""

import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from blip2core.evaluation import faithfulness as module
from blip2core.evaluation import gallery as painting
from blip2core.evaluation.faithfulness import _gain, measure_faithfulness
from blip2core.evaluation.gallery import build_gallery, draw_scenes
from blip2core.explain import METHODS
from blip2core.explain.heatmap import heatmap
from blip2core.models import Matcher
from blip2core.stickers.scene import Scene


def noise(scene: Scene) -> Image.Image:
    """The emoji font is not needed here."""
    drawn = numpy.random.default_rng(scene.seed).integers(0, 256, (28, 28, 3), dtype=numpy.uint8)
    return Image.fromarray(drawn)


def test_figures_of_each_method(tiny_matcher: Matcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(painting, "paint", noise)
    monkeypatch.setattr(module, "RANDOM_QFORMERS", 1)
    gallery = build_gallery(tiny_matcher, draw_scenes(7, 3))
    calls = tiny_matcher.vision.calls
    methods = {name: METHODS[name] for name in ("winner", "gradcam")}
    figures = measure_faithfulness(tiny_matcher, gallery, methods)
    assert tiny_matcher.vision.calls == calls
    assert set(figures) == set(methods)
    for found in figures.values():
        assert -1 <= found["random_weights"] <= 1
        for score in ("itm", "itc"):
            gain, areas = found[score]["deletion_gain"], found[score]
            assert gain["mean"] == pytest.approx(areas["random"] - areas["deletion"])
            assert gain["low"] < gain["mean"] < gain["high"]


def test_flat_maps_are_left_out(tiny_matcher: Matcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(painting, "paint", noise)
    monkeypatch.setattr(module, "RANDOM_QFORMERS", 1)
    gallery = build_gallery(tiny_matcher, draw_scenes(7, 2))
    flat = heatmap(torch.ones(4), (2, 2), "flat")
    figures = measure_faithfulness(tiny_matcher, gallery, {"flat": lambda *_: flat})
    assert figures["flat"] == {
        "itm": {"measured": 0},
        "itc": {"measured": 0},
        "random_weights": 0.0,
    }


@given(
    differences=st.lists(st.floats(-1, 1), min_size=2, max_size=30),
    most=st.sampled_from([1.0, 2.0]),
)
def test_intervals_of_gains_stay_where_gains_can_be(differences: list[float], most: float) -> None:
    gain = _gain(differences, most)
    assert -most <= gain["low"] <= gain["mean"] <= gain["high"] <= most


def test_few_scenes_that_differ_reach_no_further_than_one() -> None:
    assert _gain([0.9, -0.9], 1.0) == {"mean": 0.0, "low": -1.0, "high": 1.0}
