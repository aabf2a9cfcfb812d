"""Images with noisy texts as on the web, and the kind of each noise."""

import io
import random
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from blip2core.errors import ConfigError
from blip2core.evaluation.gallery import BATCH, SCENES_PER_SEED, Gallery
from blip2core.images import open_image
from blip2core.models import Generator, ImageFeatures, Matcher
from blip2core.stickers.language import WebText, web_text
from blip2core.stickers.paint import paint
from blip2core.stickers.scene import SPLITS, Scene, draw_scene


@dataclass(frozen=True, slots=True, kw_only=True)
class WebGallery:
    """Scenes, their encoded images and their texts, in the same order."""

    gallery: Gallery
    texts: tuple[WebText, ...]


def draw_web_scenes(seed: int, count: int, *, held_out: bool = False) -> tuple[Scene, ...]:
    """Return the first `count` scenes of a seed, all from the web split, which no training sees.

    Seed s owns the scene seeds from SPLITS["web"].start + s * SCENES_PER_SEED on; those of seed 0
    begin with the images of data/samples/web. ConfigError where there is no such seed.
    """
    seeds = len(SPLITS["web"]) // SCENES_PER_SEED
    if not 0 <= seed < seeds:
        raise ConfigError(f"seed ({seed}) must be from 0 to {seeds - 1}")
    if not 2 <= count <= SCENES_PER_SEED:
        raise ConfigError(f"scenes ({count}) must be from 2 to {SCENES_PER_SEED}")
    first = SPLITS["web"].start + seed * SCENES_PER_SEED
    return tuple(draw_scene(number, held_out=held_out) for number in range(first, first + count))


def build_web_gallery(encoder: Generator | Matcher, scenes: Sequence[Scene]) -> WebGallery:
    """Paint each scene, pack it as a JPEG as the web does, and encode it once."""
    parts = []
    for start in range(0, len(scenes), BATCH):
        images = [_as_jpeg(paint(scene)) for scene in scenes[start : start + BATCH]]
        parts.append(encoder.encode(images).to("cpu"))
    texts = tuple(web_text(scene, random.Random(f"web {scene.seed}")) for scene in scenes)
    gallery = Gallery(scenes=tuple(scenes), features=ImageFeatures.join(parts))
    return WebGallery(gallery=gallery, texts=texts)


def _as_jpeg(image: Image.Image) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90, subsampling=0)
    return open_image(file.getvalue())
