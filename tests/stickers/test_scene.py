"""Scenes hold what they promise, and training never sees what is kept for testing."""

from dataclasses import replace
from itertools import combinations

from blip2core.stickers.scene import (
    LATTICE,
    SIDE,
    SPLITS,
    Box,
    Group,
    Scene,
    draw_crowd,
    draw_scene,
    has_held_out_pair,
    is_held_out,
)
from blip2core.stickers.words import COLOURS, NOUNS, PLACES
from tests.stickers.independent import gap


def pairs(scene: Scene) -> set[tuple[str, str]]:
    """Each noun with its colour and, where it is one of the eight, with the place."""
    found = {(group.noun, scene.place) for group in scene.groups if scene.place in PLACES}
    return found | {(group.noun, group.colour) for group in scene.groups if group.colour}


def boxes(scene: Scene) -> list[Box]:
    return [box for group in scene.groups for box in group.boxes]


def assert_apart(boxes: list[Box]) -> None:
    """Not two in one of the 4 x 4 cells, and no more than the rims of two glyphs in common."""
    assert len({(box.x * 4 // SIDE, box.y * 4 // SIDE) for box in boxes}) == len(boxes)
    for first, second in combinations(boxes, 2):
        reach = (first.side + second.side) / 2
        common = [reach - abs(first.x - second.x), reach - abs(first.y - second.y)]
        assert min(common) <= 2


def test_same_seed_same_scene() -> None:
    for seed in (0, 20_000_001):
        assert draw_scene(seed) == draw_scene(seed)
        assert draw_scene(seed, held_out=True) == draw_scene(seed, held_out=True)
    assert draw_scene(1) != replace(draw_scene(2), seed=1)


def test_world_is_the_one_that_the_checkpoints_know() -> None:
    """A change of the world makes every published checkpoint and its figures stale."""
    keys = Group(noun="key", colour="green", size="big", boxes=(Box(63, 21, 40), Box(21, 35, 42)))
    assert draw_scene(0) == Scene(seed=0, place="meadow", groups=(keys,))


def test_groups_are_what_they_say(scenes: list[Scene]) -> None:
    for scene in scenes:
        assert scene.place in PLACES
        assert 1 <= len(scene.groups) <= 4
        assert len({group.noun for group in scene.groups}) == len(scene.groups)
        for group in scene.groups:
            assert 1 <= group.count <= 4
            assert (group.colour in COLOURS) if NOUNS[group.noun].coloured else not group.colour
            sides = {box.side for box in group.boxes}
            assert max(sides) <= 26 if group.size == "small" else min(sides) >= 36
            assert scene.group(group.noun) is group
        assert scene.group("zebra") is None


def test_all_sorts_of_scenes_occur(ordinary: list[Scene]) -> None:
    groups = [group for scene in ordinary for group in scene.groups]
    assert {len(scene.groups) for scene in ordinary} == {1, 2, 3, 4}
    assert {scene.place for scene in ordinary} == set(PLACES)
    assert {group.count for group in groups} == {1, 2, 3, 4}
    assert {group.noun for group in groups} == set(NOUNS)
    assert {group.colour for group in groups} == {None, *COLOURS}


def test_stickers_lie_apart_inside_the_image(scenes: list[Scene]) -> None:
    for scene in scenes:
        assert_apart(boxes(scene))
        for box in boxes(scene):
            assert box.side // 2 <= min(box.x, box.y)
            assert max(box.x, box.y) <= SIDE - box.side // 2
            assert box.x % LATTICE == box.y % LATTICE == 0


def test_a_tenth_of_the_combinations_is_held_out() -> None:
    coloured = [noun for noun in NOUNS if NOUNS[noun].coloured]
    all_pairs = [(noun, place) for noun in NOUNS for place in PLACES]
    all_pairs += [(noun, colour) for noun in coloured for colour in COLOURS]
    share = sum(is_held_out(*pair) for pair in all_pairs) / len(all_pairs)
    assert 0.08 < share < 0.12


def test_held_out_combinations_are_only_where_asked_for(
    ordinary: list[Scene], held_out: list[Scene]
) -> None:
    for scene in ordinary:
        assert not any(is_held_out(*pair) for pair in pairs(scene))
    for scene in held_out:
        assert any(is_held_out(*pair) for pair in pairs(scene))
    assert not any(map(has_held_out_pair, ordinary))
    assert all(map(has_held_out_pair, held_out))


def test_every_noun_is_trained_in_some_place_and_colour() -> None:
    for noun in NOUNS:
        assert not all(is_held_out(noun, place) for place in PLACES)
        assert not all(is_held_out(noun, colour) for colour in COLOURS)


def test_splits_share_no_seed() -> None:
    for first, second in combinations(SPLITS.values(), 2):
        assert first.stop <= second.start or second.stop <= first.start


def test_crowds_are_full_and_hold_no_held_out_pair() -> None:
    crowds = [draw_crowd(seed) for seed in range(60)]
    assert crowds[0] == draw_crowd(0)
    assert sum(len(crowd.groups) for crowd in crowds) / len(crowds) > 6
    for crowd in crowds:
        assert_apart(boxes(crowd))
        assert not any(is_held_out(*pair) for pair in pairs(crowd))


def test_left_and_above_are_plain_or_none(scenes: list[Scene]) -> None:
    for scene in scenes:
        for first, second in combinations(scene.groups, 2):
            for pair in ((first, second), (second, first)):
                assert pair[0].is_left_of(pair[1]) is plain(gap(*pair, "left"))
                assert pair[0].is_above(pair[1]) is plain(gap(*pair, "above"))


def plain(pixels: int) -> bool | None:
    return True if pixels >= 10 else None if pixels > 0 else False


def test_box_knows_its_cell_and_its_points() -> None:
    box = Box(70, 35, 20)
    assert box.cell == 4 + 2
    assert box.contains(80, 45) and not box.contains(81, 45)
    assert not box.overlaps(Box(90, 35, 20)) and box.overlaps(Box(85, 40, 20))
    group = Group(noun="dog", colour=None, size="small", boxes=(box,))
    assert group.count == 1
