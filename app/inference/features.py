"""Encode an image for the models of a pair, and caption it; the engine runs these."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.inference.engine import Engine
from app.inference.pool import ModelPair
from blip2core.config import DecodeConfig

if TYPE_CHECKING:
    from PIL import Image

    from blip2core.models.vision import ImageFeatures


@dataclass(frozen=True, slots=True, kw_only=True)
class PairFeatures:
    """One image as both models of a pair read it."""

    generator: ImageFeatures
    matcher: ImageFeatures
    """The generator's, where the two share an image encoder."""


def encode_image(pair: ModelPair, image: Image.Image) -> ImageFeatures:
    """Return the generator's features of an image, on the CPU."""
    return pair.generator.encode([image]).to("cpu")


def encode_for_matcher(pair: ModelPair, image: Image.Image) -> ImageFeatures:
    """Return the matcher's features of an image, on the CPU."""
    return pair.matcher.encode([image]).to("cpu")


def write_caption(
    pair: ModelPair, features: ImageFeatures, decode: DecodeConfig, *, stop: threading.Event | None
) -> Generator[str, None, None]:
    """Yield the caption of an image as it grows, each time from its beginning."""
    prompt = pair.generator.spec.template.caption
    return pair.generator.stream(features, prompt, decode=decode, stop=stop)


def encode_for_pair(engine: Engine, model: str, image: Image.Image) -> PairFeatures:
    """Return an image's features for both models; a shared image encoder runs once."""
    features = engine.call(encode_image, model, image)
    return PairFeatures(
        generator=features, matcher=matcher_features(engine, model, lambda: image, features)
    )


def matcher_features(
    engine: Engine,
    model: str,
    opened: Callable[[], Image.Image],
    *known: ImageFeatures | None,
) -> ImageFeatures:
    """Return the features of an image that the matcher of a model reads: those of `known` that are
    of its image encoder; only where there are none is the image opened and encoded.
    """
    encoder = engine.pair(model).matcher.vision.fingerprint
    for features in known:
        if features is not None and features.encoder == encoder:
            return features
    return engine.call(encode_for_matcher, model, opened())
