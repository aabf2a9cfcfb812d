"""Work on one picture that every tab needs, done by the engine: encode it, caption it."""

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


def encode_picture(pair: ModelPair, image: Image.Image) -> ImageFeatures:
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
    services: Services, visit: ChatSession, picture: ChatImage, model: str | None = None
) -> ChatImage:
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


def encode_for_matcher(pair: ModelPair, image: Image.Image) -> ImageFeatures:
    """Done by the engine, where the matcher has an image encoder of its own."""
    return pair.matcher.encode([image]).to("cpu")


def matched(services: Services, visit: ChatSession, picture: ChatImage) -> ChatImage:
    """The picture with `scored`: features that the matcher reads.

    They are the generator's where the two share an image encoder, which then does not run again.
    Both models must be loaded.
    """
    picture = encoded(services, visit, picture)
    known = services.engine.pair(visit.model).matcher.vision.fingerprint
    for features in (picture.features, picture.scored):
        if features is not None and features.encoder == known:
            return replace(picture, scored=features)
    features = services.engine.call(encode_for_matcher, visit.model, open_image(picture.data))
    picture = replace(picture, scored=features)
    visit.learn(picture)
    return picture


def look_at(services: Services, model: str, image: Image.Image) -> tuple[ImageFeatures, ...]:
    """Features of a picture that is no visit's: for the captioner, and for the matcher."""
    features = services.engine.call(encode_picture, model, image)
    if services.engine.pair(model).matcher.vision.fingerprint == features.encoder:
        return features, features
    return features, services.engine.call(encode_for_matcher, model, image)


def picture_of(visit: ChatSession) -> ChatImage:
    """The picture that the visitor means. ImageError where they must say so first."""
    if visit.offered is not None:
        raise ImageError("First say whether the new picture may start a new conversation.")
    if visit.picture is None:
        raise ImageError("Choose a picture first.")
    return visit.picture
