"""Work on one image that every tab needs, done by the engine: encode it, caption it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from app.chat.session import ChatImage, ChatSession
from app.inference.pool import ModelPair
from app.services import Services
from blip2core.config import DecodeConfig
from blip2core.errors import ImageError
from blip2core.images import open_image

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


def encoded(
    services: Services, session: ChatSession, image: ChatImage, model: str | None = None
) -> ChatImage:
    """The image with features that a model reads; without a name, the visitor's.

    The image encoder runs once for each image of a visit, and again only where the visitor
    changed to a model with another encoder. The model must be loaded.
    """
    model = model or session.model
    known = services.engine.pair(model).generator.vision.fingerprint
    if image.features is None or image.features.encoder != known:
        features = services.engine.call(encode_image, model, open_image(image.data))
        image = replace(image, features=features)
        session.learn(image)
    return image


def encode_for_matcher(pair: ModelPair, image: Image.Image) -> ImageFeatures:
    """Done by the engine, where the matcher has an image encoder of its own."""
    return pair.matcher.encode([image]).to("cpu")


def matched(services: Services, session: ChatSession, image: ChatImage) -> ChatImage:
    """The image with `scored`: features that the matcher reads.

    They are the generator's where the two share an image encoder, which then does not run again.
    Both models must be loaded.
    """
    image = encoded(services, session, image)
    known = services.engine.pair(session.model).matcher.vision.fingerprint
    for features in (image.features, image.scored):
        if features is not None and features.encoder == known:
            return replace(image, scored=features)
    features = services.engine.call(encode_for_matcher, session.model, open_image(image.data))
    image = replace(image, scored=features)
    session.learn(image)
    return image


def look_at(services: Services, model: str, image: Image.Image) -> tuple[ImageFeatures, ...]:
    """Features of an image that is no visit's: for the captioner, and for the matcher."""
    features = services.engine.call(encode_image, model, image)
    if services.engine.pair(model).matcher.vision.fingerprint == features.encoder:
        return features, features
    return features, services.engine.call(encode_for_matcher, model, image)


def image_of(session: ChatSession) -> ChatImage:
    """The image that the visitor means. ImageError where they must say so first."""
    if session.offered is not None:
        raise ImageError("First say whether the new image may start a new conversation.")
    if session.image is None:
        raise ImageError("Choose an image first.")
    return session.image
