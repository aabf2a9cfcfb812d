"""The image of a session with the features that its models read, each encoded once."""

from __future__ import annotations

from dataclasses import replace

from app.chat.image import ChatImage
from app.chat.session import ChatSession
from app.inference.engine import Engine
from app.inference.features import encode_for_matcher, encode_image
from blip2core.errors import ImageError
from blip2core.images import open_image


def encoded(
    engine: Engine, session: ChatSession, image: ChatImage, model: str | None = None
) -> ChatImage:
    """The image with features that a model reads; without a name, the visitor's.

    The image encoder runs once for each image of a visit, and again only where the visitor
    changed to a model with another encoder. The model must be loaded.
    """
    model = model or session.model
    known = engine.pair(model).generator.vision.fingerprint
    if image.features is None or image.features.encoder != known:
        features = engine.call(encode_image, model, open_image(image.data))
        image = replace(image, features=features)
        session.learn(image)
    return image


def matched(engine: Engine, session: ChatSession, image: ChatImage) -> ChatImage:
    """The image with `scored`: features that the matcher reads.

    They are the generator's where the two share an image encoder, which then does not run again.
    Both models must be loaded.
    """
    image = encoded(engine, session, image)
    known = engine.pair(session.model).matcher.vision.fingerprint
    for features in (image.features, image.scored):
        if features is not None and features.encoder == known:
            return replace(image, scored=features)
    features = engine.call(encode_for_matcher, session.model, open_image(image.data))
    image = replace(image, scored=features)
    session.learn(image)
    return image


def image_of(session: ChatSession) -> ChatImage:
    """The image that the visitor means. ImageError where they must say so first."""
    if session.offered is not None:
        raise ImageError("First say whether the new image may start a new conversation.")
    if session.image is None:
        raise ImageError("Choose an image first.")
    return session.image
