"""What a map says of itself: its peak in words, its share, and flatness."""

from collections.abc import Callable

import pytest
import torch

from blip2core.explain.heatmap import Heatmap, heatmap

Build = Callable[..., Heatmap]


def one_hot(row: int, column: int, side: int = 10) -> list[list[float]]:
    return [[float((r, c) == (row, column)) for c in range(side)] for r in range(side)]


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ((0, 0), "strongest at upper left"),
        ((0, 5), "strongest at the top"),
        ((5, 5), "strongest at the centre"),
        ((4, 9), "strongest at the right"),
        ((9, 0), "strongest at lower left"),
        ((9, 5), "strongest at the bottom"),
    ],
)
def test_the_peak_is_told_in_words(map_of: Build, place: tuple[int, int], words: str) -> None:
    found = map_of(one_hot(*place))
    assert found.peak == place
    assert found.describe() == f"a map: {words}, 100 % of the map inside 5 % of the image"


def test_shares_are_those_of_the_strongest_patches() -> None:
    values = torch.ones(100)
    values[7] = 21.0  # 5 of 100 patches hold 25 of 120
    found = heatmap(values, (10, 10), "query 7, layer 2", kind="attention")
    assert found.share_of_top() == (pytest.approx(25 / 120), 0.05)
    told = "query 7, layer 2: strongest at upper right, 21 % of attention inside 5 % of the image"
    assert found.describe() == told


def test_few_patches_are_told_as_the_part_they_are(map_of: Build) -> None:
    assert "inside 25 % of the image" in map_of([[1.0, 0.0], [0.0, 0.0]]).describe()


@pytest.mark.parametrize("level", [0.0, 0.25, 1e-9])
def test_a_flat_map_is_told(map_of: Build, level: float) -> None:
    found = map_of([[level, level], [level, level * 1.0005]])
    assert found.is_flat
    assert found.describe() == "a map: a flat map, no part of the image stands out"


def test_small_numbers_are_not_flat(map_of: Build) -> None:
    assert not map_of([[1e-9, 2e-9]]).is_flat


def test_peak_point_is_a_share_of_the_image(map_of: Build) -> None:
    assert map_of([[0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0]]).peak_point == (0.875, 0.25)


def test_numbers_below_zero_count_as_none() -> None:
    assert heatmap(torch.tensor([-1.0, 1.0]), (1, 2), "a map").values.tolist() == [[0.0, 1.0]]
