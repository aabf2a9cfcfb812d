"""Captions are true, one-word changes are false, and both can be read back from their words."""

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from blip2core.stickers.captions import (
    CHANGES,
    Claim,
    Meaning,
    SceneCaption,
    beside_caption,
    draw_reading,
    full_caption,
    noun_of,
    parse,
    partial_caption,
    read_cells,
)
from blip2core.stickers.scene import Box, Group, Scene, is_held_out
from blip2core.stickers.words import COLOURS, NOUNS, NUMBERS, PLACES

Draw = Callable[[Scene, random.Random], SceneCaption | None]
DRAWS: list[Draw] = [full_caption, partial_caption, beside_caption]

SHORE = Scene(
    seed=1,
    place="beach",
    groups=(
        Group(noun="owl", colour=None, size="small", boxes=(Box(84, 84, 22),)),
        Group(noun="bird", colour="red", size="big", boxes=(Box(28, 28, 40), Box(84, 28, 40))),
    ),
)


def drawn(scenes: list[Scene], draw: Draw) -> list[tuple[Scene, SceneCaption]]:
    captions = [(scene, draw(scene, random.Random(f"{scene.seed}"))) for scene in scenes]
    return [(scene, caption) for scene, caption in captions if caption is not None]


def holds(scene: Scene, meaning: Meaning) -> bool:
    """Whether what was read from a text is true, worked out from groups and boxes."""
    here = {group.noun: group for group in scene.groups}
    sides = {"small": range(20, 30), "big": range(30, 45)}
    for claim in meaning.claims:
        group = here.get(claim.noun)
        if group is None or claim.count not in (None, len(group.boxes)):
            return False
        if claim.colour is not None and claim.colour != group.colour:
            return False
        if claim.size is not None and group.boxes[0].side not in sides[claim.size]:
            return False
    return meaning.place in (None, scene.place)


def plain_words(text: str) -> list[str]:
    """Words without what follows from others: "a" and "an" are "one", nouns are singular, "is" is
    "are", and a place is one word."""
    for place, phrase in PLACES.items():
        text = text.replace(phrase, f"<{place}>")
    same = {"a": "one", "an": "one", "is": "are"}
    words = text.replace(",", " ,").split()
    return [same.get(word, noun_of(word) or word) for word in words]


@pytest.mark.parametrize("draw", DRAWS)
def test_captions_are_true(scenes: list[Scene], draw: Draw) -> None:
    for scene, caption in drawn(scenes, draw):
        assert caption.is_true_of(scene)
        assert holds(scene, parse(caption.text)), caption.text


@pytest.mark.parametrize("draw", DRAWS)
def test_text_gives_back_the_claims(scenes: list[Scene], draw: Draw) -> None:
    for _, caption in drawn(scenes, draw):
        meaning = parse(caption.text)
        anchor = () if caption.anchor is None else (caption.anchor,)
        assert meaning.claims == (*anchor, *caption.claims), caption.text
        assert meaning.place == caption.place


@pytest.mark.parametrize("draw", DRAWS)
def test_truth_of_other_images_too(scenes: list[Scene], draw: Draw) -> None:
    for own, caption in drawn(scenes[:40], draw):
        meaning = parse(caption.text)
        for scene in (own, *scenes[:200]):
            assert caption.is_true_of(scene) == holds(scene, meaning)


def test_full_caption_names_all_from_left_to_right(scenes: list[Scene]) -> None:
    for scene, caption in drawn(scenes, full_caption):
        assert len(caption.claims) == len(scene.groups)
        groups = [scene.group(claim.noun) for claim in caption.claims]
        lefts = [min(box.x for box in group.boxes) for group in groups if group]
        assert lefts == sorted(lefts)
        assert caption.place == scene.place


def test_beside_caption_names_all_but_its_anchor(scenes: list[Scene]) -> None:
    for scene, caption in drawn(scenes, beside_caption):
        assert caption.anchor is not None
        nouns = {caption.anchor.noun, *(claim.noun for claim in caption.claims)}
        assert nouns == {group.noun for group in scene.groups}
        assert caption.text.startswith(f"next to the {caption.anchor.noun} there ")
    alone = Scene(seed=1, place="sea", groups=SHORE.groups[:1])
    assert beside_caption(alone, random.Random(0)) is None


@pytest.mark.parametrize("kind", CHANGES)
@pytest.mark.parametrize("draw", DRAWS)
def test_a_change_is_one_false_word(scenes: list[Scene], draw: Draw, kind: str) -> None:
    seen = 0
    for scene, caption in drawn(scenes, draw):
        changed = caption.changed(scene, random.Random(scene.seed), kind, held_out=True)
        if changed is None:
            assert kind in ("place", "colour")
            continue
        seen += 1
        assert not changed.is_true_of(scene)
        assert not holds(scene, parse(changed.text))
        before, after = plain_words(caption.text), plain_words(changed.text)
        (pair,) = [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]
        assert all(kind_of(word) == kind for word in pair), pair
    assert seen > 50


def kind_of(word: str) -> str | None:
    tables = {"noun": NOUNS, "colour": COLOURS, "count": NUMBERS}
    if word.startswith("<"):
        return "place"
    return next((kind for kind, table in tables.items() if word in table), None)


@pytest.mark.parametrize("kind", CHANGES)
def test_training_changes_make_no_held_out_combination(ordinary: list[Scene], kind: str) -> None:
    for scene, caption in drawn(ordinary, full_caption):
        changed = caption.changed(scene, random.Random(scene.seed), kind)
        if changed is None:
            continue
        for claim in changed.claims:
            assert not is_held_out(claim.noun, changed.place or scene.place)
            assert claim.colour is None or not is_held_out(claim.noun, claim.colour)


def test_nothing_to_change() -> None:
    owl = SceneCaption(claims=(Claim(noun="owl"),), place=None, form="{list}")
    for kind in ("colour", "count", "place"):
        assert owl.changed(SHORE, random.Random(0), kind) is None


@pytest.mark.parametrize(
    ("claim", "phrase"),
    [
        (Claim(noun="owl", count=1), "an owl"),
        (Claim(noun="bird", count=1, colour="orange"), "an orange bird"),
        (Claim(noun="bird", count=2, colour="red", size="big"), "two big red birds"),
        (Claim(noun="sheep", count=4), "four sheep"),
        (Claim(noun="mouse"), "the mouse"),
    ],
)
def test_phrases(claim: Claim, phrase: str) -> None:
    assert claim.phrase() == phrase


def test_sentences() -> None:
    owl, birds = Claim(noun="owl", count=1), Claim(noun="bird", count=2, colour="red")
    alone = SceneCaption(claims=(owl,), place="night", form="{place} there {be} {list}")
    assert alone.text == "at night there is an owl"
    both = SceneCaption(claims=(birds, owl), place=None, form="a photo of {list} {place}")
    assert both.text == "a photo of two red birds and an owl"
    assert parse(both.text).claims == (birds, owl)


def test_false_claims_of_each_sort() -> None:
    assert Claim(noun="bird", count=2, colour="red", size="big").is_true_of(SHORE)
    assert not Claim(noun="bird", count=1).is_true_of(SHORE)
    assert not Claim(noun="bird", colour="blue").is_true_of(SHORE)
    assert not Claim(noun="bird", size="small").is_true_of(SHORE)
    assert not Claim(noun="dog").is_true_of(SHORE)


def test_readings_hold_for_their_image(scenes: list[Scene]) -> None:
    for scene in scenes:
        reading = draw_reading(scene, random.Random(scene.seed))
        assert reading.is_true_of(scene)
        assert 2 <= len(reading.cells) <= 4
        assert reading.text.count(": ") == len(reading.cells)
    empty = replace(scenes[0], groups=())
    assert not draw_reading(scenes[0], random.Random(0)).is_true_of(empty)


def test_cells_are_read_row_by_row() -> None:
    cells = dict(read_cells(SHORE))
    assert list(cells)[:5] == ["a1", "a2", "a3", "a4", "b1"]
    assert {name: words for name, words in cells.items() if words != ("nothing",)} == {
        "b2": ("big", "red", "bird"),
        "b4": ("big", "red", "bird"),
        "d4": ("small", "owl"),
    }
    assert dict(read_cells(SHORE, counted=True))["b2"] == ("two", "big", "red", "bird")


def test_foreign_words_are_passed_over() -> None:
    meaning = parse("IMG_12.jpg Two RED cars, and zebras by the river | PixMart")
    assert meaning.claims == (Claim(noun="car", count=2, colour="red"),)
    assert meaning.place is None
    assert parse("two of the red dogs").claims == (Claim(noun="dog", colour="red"),)
    assert parse("").claims == ()
