"""Caption figures, on captions whose mistakes are known."""

from collections import Counter

import pytest

from blip2core.evaluation.captions import caption_beginning, f1, is_exact, is_true, measure_captions
from blip2core.evaluation.gallery import Gallery
from blip2core.stickers.captions import parse
from blip2core.stickers.scene import Box, Group, Scene
from tests.evaluation.oracle import Writer, gallery_of

DOG = Group(noun="dog", colour=None, size="big", boxes=(Box(28, 28, 40),))
BIRDS = Group(noun="bird", colour="red", size="small", boxes=(Box(84, 28, 22), Box(84, 84, 22)))
PAIR = Scene(seed=3, place="snow", groups=(DOG, BIRDS))
ALONE = Scene(seed=4, place="sea", groups=(DOG,))


def test_truth_scores_one(gallery: Gallery) -> None:
    figures = measure_captions(Writer(scenes=gallery.scenes), gallery)
    ones = {"noun_f1", "group_f1", "place_right", "exact"}
    assert {name: figures[name] for name in ones} == dict.fromkeys(ones, 1.0)
    assert figures["exact_by_groups"] == {"1": 1.0, "2": 1.0, "3": 1.0, "4": 1.0}
    prompts = {"there are": 1.0, "a photo of": 1.0, "next to": 1.0}
    assert figures["prompted"] == {"right": 1.0, "by_prompt": prompts}


def test_one_caption_for_everything_scores_what_it_hits() -> None:
    scenes = [PAIR, ALONE]
    figures = measure_captions(
        Writer(scenes=scenes, constant="a dog and a bird in the snow"), gallery_of(scenes)
    )
    assert figures["noun_f1"] == pytest.approx(2 * 3 / (4 + 3))
    assert figures["group_f1"] == pytest.approx(2 * 2 / (4 + 3))
    assert (figures["place_right"], figures["exact"]) == (0.5, 0.0)
    assert figures["prompted"]["right"] == 0.0


def test_without_words_nothing_is_right(gallery: Gallery) -> None:
    figures = measure_captions(Writer(scenes=gallery.scenes, constant=""), gallery)
    assert (figures["noun_f1"], figures["group_f1"], figures["place_right"]) == (0, 0, 0)
    assert figures["prompted"]["right"] == 0


def test_f1_counts_what_is_said_twice_as_a_mistake() -> None:
    assert f1([(Counter(["dog", "dog"]), Counter(["dog", "cat"]))]) == 0.5
    assert f1([(Counter("ab"), Counter("ab")), (Counter(), Counter("cd"))]) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("text", "exact"),
    [
        ("two red birds and a dog in the snow", True),
        ("in the snow there are a dog and two small red birds", True),
        ("a dog and two red birds", False),
        ("a dog and two birds in the snow", False),
        ("a dog, a dog and two red birds in the snow", False),
        ("a dog in the snow", False),
    ],
)
def test_exact_is_all_and_no_more(text: str, exact: bool) -> None:
    assert is_exact(parse(text), PAIR) is exact


@pytest.mark.parametrize(
    ("text", "anchor", "right"),
    [
        ("there are two red birds", None, True),
        ("there are birds in the snow", None, True),
        ("there are two red birds on the sea", None, False),
        ("there are two blue birds", None, False),
        ("there are a dog and a dog", None, False),
        ("there are many nice things in the snow", None, False),
        ("next to the dog there are two red birds", "dog", True),
        ("next to the dog there is a dog", "dog", False),
        ("next to the dog there is snow", "dog", False),
    ],
)
def test_a_prompted_caption_claims_something_and_nothing_false(
    text: str, anchor: str | None, right: bool
) -> None:
    assert is_true(text, PAIR, anchor) is right


def test_beginnings_are_grammatical() -> None:
    assert caption_beginning(ALONE, "there are") == ("there is", None)
    assert caption_beginning(PAIR, "there are") == ("there are", None)
    assert caption_beginning(ALONE, "next to") is None
    ways = [("next to the dog there are", "dog"), ("next to the bird there is", "bird")]
    scenes = [Scene(seed=seed, place="snow", groups=PAIR.groups) for seed in range(20)]
    assert sorted({caption_beginning(scene, "next to") for scene in scenes}) == sorted(ways)
