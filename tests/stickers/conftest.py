"""Scenes that several tests look at, drawn once."""

import pytest

from blip2core.stickers.scene import SPLITS, Scene, draw_scene


@pytest.fixture(scope="session")
def ordinary() -> list[Scene]:
    return [draw_scene(SPLITS["test"].start + number) for number in range(250)]


@pytest.fixture(scope="session")
def held_out() -> list[Scene]:
    return [draw_scene(SPLITS["test"].start + number, held_out=True) for number in range(80)]


@pytest.fixture(scope="session")
def scenes(ordinary: list[Scene], held_out: list[Scene]) -> list[Scene]:
    """Both sorts."""
    return ordinary + held_out
