"""Scenes to measure fakes on, drawn once."""

import pytest

from blip2core.evaluation.gallery import Gallery, draw_scenes
from tests.evaluation.oracle import gallery_of


@pytest.fixture(scope="session")
def gallery() -> Gallery:
    return gallery_of((*draw_scenes(0, 90), *draw_scenes(0, 30, held_out=True)))
