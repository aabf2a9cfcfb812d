"""Backgrounds: the same for a random state, and in each place more than a gradient."""

import random

import numpy as np
import pytest

from blip2core.stickers.places import paint_place
from blip2core.stickers.scene import SIDE
from blip2core.stickers.words import PLACES


@pytest.mark.parametrize("place", PLACES)
def test_shapes_stand_before_the_gradient(place: str) -> None:
    pixels = np.asarray(paint_place(place, random.Random(3)), int)
    varied = (np.abs(np.diff(pixels, axis=1)).sum(axis=(1, 2)) > 0).sum()
    assert varied > SIDE / 4, "rows of a gradient are of one colour each"


@pytest.mark.parametrize("place", PLACES)
def test_a_random_state_gives_one_background(place: str) -> None:
    first, second, other = (paint_place(place, random.Random(seed)) for seed in (1, 1, 2))
    assert first.tobytes() == second.tobytes() != other.tobytes()
