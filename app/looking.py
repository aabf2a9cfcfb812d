"""Work on one picture that every tab needs, done by the engine: encode it, caption it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from app.models import Pair
from app.services import Services
from app.visit import Picture, Visit
from blip2core.config import DecodeConfig
from blip2core.images import open_image

if TYPE_CHECKING:
    from PIL import Image

    from blip2core.models.vision import ImageFeatures


def encode_picture(pair: Pair, image: Image.Image) -> ImageFeatures:
    """Runs the image encoder once; the features are kept on the CPU."""
    return pair.generator.encode([image]).to("cpu")


def write_caption(
    pair: Pair, features: ImageFeatures, decode: DecodeConfig, *, stop: threading.Event | None
) -> Iterator[str]:
    """The caption as it grows."""
    prompt = pair.generator.spec.template.caption
    with closing(pair.generator.stream(features, prompt, decode=decode, stop=stop)) as words:
        yield from words


def encoded(
    services: Services, visit: Visit, picture: Picture, model: str | None = None
) -> Picture:
    """The picture with features that a model reads; without a name, the visitor's.

    The image encoder runs once for each picture of a visit, and again only where the visitor
    changed to a model with another encoder. The model must be loaded.
    """
    model = model or visit.model
    known = services.engine.pair(model).generator.vision.fingerprint
    if picture.features is None or picture.features.encoder != known:
        features = services.engine.call(encode_picture, model, open_image(picture.data))
        picture = replace(picture, features=features)
        visit.learn(picture)
    return picture
