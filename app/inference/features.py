"""Work on one image that every tab needs, done by the engine: encode it, caption it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from app.inference.engine import Engine
from app.inference.pool import ModelPair
from blip2core.config import DecodeConfig

if TYPE_CHECKING:
    from PIL import Image

    from blip2core.models.vision import ImageFeatures


def encode_image(pair: ModelPair, image: Image.Image) -> ImageFeatures:
    """Runs the image encoder once; the features are kept on the CPU."""
    return pair.generator.encode([image]).to("cpu")


def write_caption(
    pair: ModelPair, features: ImageFeatures, decode: DecodeConfig, *, stop: threading.Event | None
) -> Iterator[str]:
    """The caption as it grows."""
    prompt = pair.generator.spec.template.caption
    with closing(pair.generator.stream(features, prompt, decode=decode, stop=stop)) as words:
        yield from words


def encode_for_matcher(pair: ModelPair, image: Image.Image) -> ImageFeatures:
    """Done by the engine, where the matcher has an image encoder of its own."""
    return pair.matcher.encode([image]).to("cpu")


def look_at(engine: Engine, model: str, image: Image.Image) -> tuple[ImageFeatures, ...]:
    """Features of an image that is no visit's: for the captioner, and for the matcher."""
    features = engine.call(encode_image, model, image)
    if engine.pair(model).matcher.vision.fingerprint == features.encoder:
        return features, features
    return features, engine.call(encode_for_matcher, model, image)
