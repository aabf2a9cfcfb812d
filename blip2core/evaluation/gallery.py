"""The scenes that a model is measured on, from the test split, with their encoded images."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tqdm.auto import trange

from blip2core.arguments import check_kind
from blip2core.config import DecodeConfig
from blip2core.errors import ConfigError
from blip2core.models import Generator, ImageFeatures, Matcher
from blip2core.stickers.paint import paint
from blip2core.stickers.scene import SPLITS, Scene, draw_scene

BATCH = 64
"""Images or prompts that go through a model together."""
SCENES_PER_SEED = 10_000
"""Scenes of the test split that belong to one seed; no two seeds share a scene."""
DECODE = DecodeConfig(mode="greedy", max_new_tokens=48)
"""Greedy, with room for the longest caption there is."""

Figures = Mapping[str, "float | Figures"]
"""Figure name -> value, or figures of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gallery:
    """Scenes and the encoded form of their images, in the same order."""

    scenes: tuple[Scene, ...]
    features: ImageFeatures


def draw_scenes(seed: int, count: int, *, held_out: bool = False) -> tuple[Scene, ...]:
    """Return the first `count` scenes of an evaluation seed, all from the test split.

    Seed s owns the scene seeds from SPLITS["test"].start + s * SCENES_PER_SEED on. ConfigError
    where there is no such seed, or it has not so many scenes.
    """
    for name, value in (("seed", seed), ("scenes", count)):
        check_kind(value, int, f"{name} must be a whole number", ConfigError)
    seeds = len(SPLITS["test"]) // SCENES_PER_SEED
    if not 0 <= seed < seeds:
        raise ConfigError(f"seed ({seed}) must be from 0 to {seeds - 1}")
    if not 2 <= count <= SCENES_PER_SEED:
        raise ConfigError(f"scenes ({count}) must be from 2 to {SCENES_PER_SEED}")
    first = SPLITS["test"].start + seed * SCENES_PER_SEED
    return tuple(draw_scene(number, held_out=held_out) for number in range(first, first + count))


def build_gallery(encoder: Generator | Matcher, scenes: Sequence[Scene]) -> Gallery:
    """Paint and encode each scene once. FontError where the emoji font is missing."""
    parts = []
    for start in _starts(len(scenes), "encode"):
        images = [paint(scene) for scene in scenes[start : start + BATCH]]
        parts.append(encoder.encode(images).to("cpu"))
    return Gallery(scenes=tuple(scenes), features=ImageFeatures.join(parts))


def generate_texts(
    generator: Generator,
    features: ImageFeatures,
    images: Sequence[int],
    prompts: Sequence[str],
) -> list[str]:
    """Return the text that the model generates after each prompt, for the image of the same
    position.

    Args:
        features: Encoded images.
        images: N indices into `features`.
        prompts: N prompts.
    """
    texts: list[str] = []
    for start in _starts(len(prompts), "write"):
        part = slice(start, start + BATCH)
        written = generator.answer(features[list(images[part])], prompts[part], decode=DECODE)
        texts.extend(generated.text for generated in written)
    return texts


def _starts(count: int, doing: str) -> Iterator[int]:
    """Yield where each batch of `count` begins, with a progress bar where somebody watches."""
    yield from trange(0, count, BATCH, desc=doing, leave=False, disable=None)


def mean(values: Iterable[float]) -> float:
    """Return the arithmetic mean; of True and False, the share that is True."""
    listed = list(values)
    return sum(listed) / len(listed)
