"""Duplicates: the same bytes or pixels, and alike by their perceptual hashes."""

import random
from itertools import combinations
from pathlib import Path

import pytest
from PIL import Image

from blip2core.errors import ConfigError
from blip2core.images import open_image
from blip2core.intake import check_image, clusters, near_pairs, perceptual_hash, same
from tests.intake.making import encoded

SAMPLES = Path(__file__).parents[2] / "data/samples"


def slow_pairs(hashes: list[int], distance: int) -> set[tuple[int, int, int]]:
    """Every pair compared, one by one."""
    found = set()
    for one, two in combinations(range(len(hashes)), 2):
        bits = (hashes[one] ^ hashes[two]).bit_count()
        if bits <= distance:
            found.add((one, two, bits))
    return found


@pytest.mark.parametrize("distance", [0, 1, 2, 3])
def test_all_pairs_are_found_and_none_twice(distance: int) -> None:
    chance = random.Random(distance)
    hashes = [chance.getrandbits(64) for _ in range(60)]
    for _ in range(300):
        flips = sum(1 << bit for bit in chance.sample(range(64), chance.randint(1, 5)))
        hashes.append(chance.choice(hashes) ^ flips)
    hashes = list(dict.fromkeys(hashes))
    found = [
        (pair.first, pair.second, pair.distance) for pair in near_pairs(hashes, distance=distance)
    ]
    assert len(found) == len(set(found))
    assert set(found) == slow_pairs(hashes, distance)


def test_many_copies_are_a_line_of_pairs() -> None:
    pairs = list(near_pairs([5] * 1_000 + [7, 0xF << 60]))
    assert len(pairs) == 999 + 1
    assert clusters(pairs) == [tuple(range(1_001))]


def test_clusters_hang_together_over_others() -> None:
    found = clusters(near_pairs([0, 0b111, 0b111111, (1 << 64) - 1, (1 << 63) - 1]))
    assert found == [(0, 1, 2), (3, 4)]


def test_nothing_is_near_nothing() -> None:
    assert list(near_pairs([])) == list(near_pairs([1])) == clusters([]) == same([]) == []
    with pytest.raises(ConfigError, match="distance"):
        list(near_pairs([1], distance=4))


def test_the_same_bytes_and_the_same_pixels() -> None:
    assert same(["a", "b", "a", "c", "b", "a"]) == [(0, 2, 5), (1, 4)]
    image = open_image(SAMPLES / "beach-1.png")
    png, bmp = (check_image(encoded(image, format)) for format in ("PNG", "BMP"))
    assert png.sha256 != bmp.sha256
    assert (png.pixel_sha256, png.phash) == (bmp.pixel_sha256, bmp.phash)


def test_copies_of_sticker_scenes_are_near_and_other_scenes_are_not() -> None:
    files = sorted(SAMPLES.glob("*.png"))
    scenes = [open_image(file) for file in files]
    copies = [check_image(encoded(scene, "JPEG", quality=85)).phash for scene in scenes] + [
        perceptual_hash(scene.resize((80, 80), Image.Resampling.LANCZOS)) for scene in scenes
    ]
    hashes = [perceptual_hash(scene) for scene in scenes]
    assert list(near_pairs(hashes)) == []
    count = len(scenes)
    expected = [(place, place + count, place + 2 * count) for place in range(count)]
    assert clusters(near_pairs(hashes + copies)) == expected
