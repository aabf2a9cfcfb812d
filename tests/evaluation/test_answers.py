"""Nouns of captions point at what they name; words that name nothing there do not count."""

from dataclasses import replace

import pytest
from PIL import Image

from blip2core.evaluation import answers as module
from blip2core.evaluation import gallery as painting
from blip2core.evaluation.answers import measure_answers
from blip2core.evaluation.gallery import Gallery, build_gallery, draw_scenes
from blip2core.evaluation.pointing_game import patches_inside
from blip2core.explain.answers import AnswerTrace, trace_answer
from blip2core.models import Generator
from blip2core.stickers.scene import Scene

SCENES = draw_scenes(7, 6)


@pytest.fixture
def gallery(tiny_generator: Generator, monkeypatch: pytest.MonkeyPatch) -> Gallery:
    """The emoji font is not needed here."""
    monkeypatch.setattr(painting, "paint", lambda scene: Image.new("RGB", (28, 28)))
    monkeypatch.setattr(module, "DECODE", replace(module.DECODE, max_new_tokens=4))
    return build_gallery(tiny_generator, SCENES)


@pytest.mark.parametrize("points", [True, False])
def test_nouns_hit_or_miss(
    tiny_generator: Generator,
    gallery: Gallery,
    monkeypatch: pytest.MonkeyPatch,
    points: bool,
) -> None:
    """Captions "the <noun> xyz" whose noun's map has its peak in the box, or outside."""
    scenes = iter(SCENES)

    def known(*arguments: object) -> AnswerTrace:
        seen, scene = trace_answer(*arguments), next(scenes)
        looks = seen.looks * 0
        places = [(row, column) for row in range(2) for column in range(2)]
        row, column = next(p for p in places if (p in inside(scene)) == points)
        looks[:, row * 2 + column] = 1.0
        words = ("the ", scene.groups[0].noun, " xyz", "")
        return replace(seen, pieces=words, looks=looks)

    monkeypatch.setattr(module, "trace_answer", known)
    usable = [scene for scene in SCENES if 0 < len(inside(scene)) < 4]
    scenes = iter(usable)
    rows = [SCENES.index(scene) for scene in usable]
    part = Gallery(scenes=tuple(usable), features=gallery.features[rows])
    figures = measure_answers(tiny_generator, part)
    assert figures["nouns"] == len(usable) > 2
    assert figures["hits"] == float(points)
    assert 0 < figures["picture_share"] < 1


def inside(scene: Scene) -> frozenset[tuple[int, int]]:
    return patches_inside(scene.groups[0], (2, 2))


def test_captions_that_name_nothing(tiny_generator: Generator, gallery: Gallery) -> None:
    assert measure_answers(tiny_generator, gallery) == {"nouns": 0}
