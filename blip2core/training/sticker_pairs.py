"""The sticker world as training data: scenes by number, with texts whose truth is known exactly."""

import hashlib
import random

from PIL import Image

from blip2core.errors import DataError
from blip2core.records import Passage
from blip2core.stickers import language
from blip2core.stickers.captions import (
    CHANGES,
    Reading,
    SceneCaption,
    beside_caption,
    draw_reading,
    full_caption,
    partial_caption,
)
from blip2core.stickers.paint import paint
from blip2core.stickers.scene import SPLITS, Scene, draw_scene
from blip2core.training.data import Statement

_READING_SHARE, _FULL_SHARE, _PARTIAL_SHARE = 0.3, 0.42, 0.21
"""Texts that read single cells, captions of the whole scene, and of a part of it; the rest say what
is beside one group. Without the readings a small Q-Former takes very long to name what it sees."""

_JUNK_SHARE = 0.3
"""Share of the captions, true and false ones alike, inside the words that web pages put around
them: a filter is to score what is said of the image, not the page that says it."""
_FURNITURE_SHARE = 0.05
"""Share of the false texts that are such words alone, with no caption in them: since they also
surround true captions, nothing else teaches that they are no caption."""

_MORE_CAPTIONS = 0.4
"""Share of captions besides those that `language.passage` draws: to list all is learned last."""
_CHANGE_COUNTS = [3 if kind == "count" else 1 for kind in CHANGES]
"""Weights of the kinds of change. A wrong count is the hardest to learn, so it comes thrice as
often."""


class StickerPairs:
    """The first `count` scenes of a split; a `PairSource`. Painting them needs the emoji font."""

    def __init__(self, count: int, *, split: str = "train") -> None:
        seeds = SPLITS[split]
        if count > len(seeds):
            raise DataError(f"The split {split} has {len(seeds)} scenes, not {count}.")
        self._seeds = seeds[:count]
        self._split = split
        self._scenes: list[Scene | None] = [None] * count

    @property
    def identity(self) -> str:
        # A few scenes in full, so that features of a world that has changed since do not pass.
        scenes = [self.scene(index) for index in range(min(32, len(self)))]
        digest = hashlib.sha256(repr(scenes).encode()).hexdigest()
        return f"stickers {self._split} {len(self)} {digest}"

    def __len__(self) -> int:
        return len(self._seeds)

    def scene(self, index: int) -> Scene:
        """Return the truth of image `index`."""
        scene = self._scenes[index]
        if scene is None:
            scene = self._scenes[index] = draw_scene(self._seeds[index])
        return scene

    def image(self, index: int) -> Image.Image:
        return paint(self.scene(index))

    def text(self, index: int, rng: random.Random) -> Statement:
        scene = self.scene(index)
        if rng.random() < _READING_SHARE:
            reading = draw_reading(scene, rng)
            return Statement(text=reading.text, meaning=reading)
        caption = _draw_caption(scene, rng)
        return Statement(text=_perhaps_in_junk(caption.text, rng), meaning=caption)

    def hard_text(self, index: int, rng: random.Random) -> str | None:
        if rng.random() < _FURNITURE_SHARE:
            return language.furniture(rng)
        scene = self.scene(index)
        caption = _draw_caption(scene, rng)
        for kind in rng.sample(CHANGES, sum(_CHANGE_COUNTS), counts=_CHANGE_COUNTS):
            changed = caption.changed(scene, rng, kind)
            if changed is not None and not changed.is_true_of(scene):
                return _perhaps_in_junk(changed.text, rng)
        return None

    def passage(self, index: int, rng: random.Random) -> Passage:
        scene = self.scene(index)
        if rng.random() < _MORE_CAPTIONS:
            return language.caption_passage(scene, rng)
        return language.passage(scene, rng)

    def matches(self, index: int, statement: Statement) -> bool:
        said = statement.meaning
        return isinstance(said, SceneCaption | Reading) and said.is_true_of(self.scene(index))


def _perhaps_in_junk(text: str, rng: random.Random) -> str:
    return language.in_junk(text, rng) if rng.random() < _JUNK_SHARE else text


def _draw_caption(scene: Scene, rng: random.Random) -> SceneCaption:
    draw = rng.random() * (1 - _READING_SHARE)
    if draw < _FULL_SHARE:
        return full_caption(scene, rng)
    if draw < _FULL_SHARE + _PARTIAL_SHARE:
        return partial_caption(scene, rng)
    return beside_caption(scene, rng) or full_caption(scene, rng)
