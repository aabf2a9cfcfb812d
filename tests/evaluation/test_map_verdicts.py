"""Verdicts on maps of true and false texts: which texts, and what is counted."""

from typing import Any

import numpy
import pytest
import torch
from PIL import Image

from blip2core.evaluation import gallery as painting
from blip2core.evaluation import map_verdicts
from blip2core.evaluation.gallery import Gallery, build_gallery, draw_scenes
from blip2core.evaluation.map_verdicts import FOREIGN, is_good, judge_texts, measure_verdicts
from blip2core.explain import METHODS
from blip2core.explain.faithfulness import FaithfulnessProgress
from blip2core.explain.heatmap import heatmap
from blip2core.explain.sanity import Sanity
from blip2core.models import Matcher
from blip2core.stickers.captions import parse
from blip2core.stickers.scene import Scene
from tests.explain.test_faithfulness import judged

METHOD = {"gradcam": METHODS["gradcam"]}


def noise(scene: Scene) -> Image.Image:
    """The emoji font is not needed here."""
    drawn = numpy.random.default_rng(scene.seed).integers(0, 256, (28, 28, 3), dtype=numpy.uint8)
    return Image.fromarray(drawn)


@pytest.fixture
def gallery(tiny_matcher: Matcher, monkeypatch: pytest.MonkeyPatch) -> Gallery:
    monkeypatch.setattr(painting, "paint", noise)
    return build_gallery(tiny_matcher, draw_scenes(7, 8))


@pytest.fixture
def texts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts whose maps were judged, in order; every fourth one is good."""
    asked: list[str] = []

    def judge(matcher: Any, features: Any, text: str, *_: Any) -> bool:
        asked.append(text)
        return len(asked) % 4 == 1

    monkeypatch.setattr(map_verdicts, "is_good", judge)
    return asked


def test_true_texts_are_true_and_false_ones_false(
    tiny_matcher: Matcher, gallery: Gallery, texts: list[str]
) -> None:
    kinds = [one.is_true for one in judge_texts(tiny_matcher, gallery, METHOD)]
    assert kinds == [True, False] * 8
    for index, scene in enumerate(gallery.scenes):
        true, false = texts[2 * index], texts[2 * index + 1]
        said, wrong = parse(true), parse(false)
        assert said.claims and all(claim.is_true_of(scene) for claim in said.claims), true
        untrue = any(not claim.is_true_of(scene) for claim in wrong.claims)
        elsewhere = wrong.place not in (None, scene.place)
        assert false in FOREIGN or untrue or elsewhere, false
    assert texts[7] in FOREIGN and texts[15] in FOREIGN  # every fourth


def test_shares_are_of_true_and_of_false_texts(
    tiny_matcher: Matcher, gallery: Gallery, texts: list[str]
) -> None:
    figures = measure_verdicts(tiny_matcher, gallery, METHOD)
    assert set(figures) == {"true", "false"}
    assert (figures["true"]["texts"], figures["false"]["texts"]) == (8, 8)
    assert (figures["true"]["gradcam"], figures["false"]["gradcam"]) == (0.5, 0.0)
    assert all(0 <= figures[kind]["fits"] <= 1 for kind in figures)


@pytest.mark.parametrize(
    ("itm", "correlation", "good"), [(0.9, 0.1, True), (0.9, 0.6, False), (0.4, 0.1, False)]
)
def test_good_is_what_the_page_calls_good(
    tiny_matcher: Matcher,
    monkeypatch: pytest.MonkeyPatch,
    itm: float,
    correlation: float,
    good: bool,
) -> None:
    result = FaithfulnessProgress(done=1, total=1, result=judged(itm, 0.1, 0.9))
    monkeypatch.setattr(map_verdicts, "faithfulness", lambda *_: iter([result]))
    check = Sanity(correlations=(correlation,), finished=True)
    monkeypatch.setattr(map_verdicts, "sanity_check", lambda *_: iter([check]))
    found = heatmap(torch.arange(4.0), (2, 2), "a map")
    assert is_good(tiny_matcher, None, "a car", METHODS["gradcam"], found) is good
    flat = heatmap(torch.ones(4), (2, 2), "flat")
    assert not is_good(tiny_matcher, None, "a car", METHODS["gradcam"], flat)
