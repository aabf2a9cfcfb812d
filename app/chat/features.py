"""The features of a session's image that its models read, each encoded once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from app.chat.image import ChatImage
from app.chat.session import ChatSession
from app.inference.engine import Engine
from app.inference.features import PairFeatures, encode_for_matcher, encode_image
from blip2core.images import open_image

if TYPE_CHECKING:
    from blip2core.models.vision import ImageFeatures


def generator_features(
    engine: Engine, session: ChatSession, image: ChatImage, model: str | None = None
) -> ImageFeatures:
    """Return the features that a generator reads; without a name, the session's model.

    The image encoder runs once for each image of a session, and again only where the visitor
    changed to a model with another encoder. The session remembers the result. The model must be
    loaded.
    """
    model = model or session.model
    known = engine.pair(model).generator.vision.fingerprint
    if image.features is not None and image.features.encoder == known:
        return image.features
    features = engine.call(encode_image, model, open_image(image.data))
    session.learn(replace(image, features=features))
    return features


def pair_features(engine: Engine, session: ChatSession, image: ChatImage) -> PairFeatures:
    """Return the features that the session's generator and its matcher read.

    Where the two share an image encoder, it does not run again. Both models must be loaded.
    """
    features = generator_features(engine, session, image)
    known = engine.pair(session.model).matcher.vision.fingerprint
    for found in (features, image.matcher_features):
        if found is not None and found.encoder == known:
            return PairFeatures(generator=features, matcher=found)
    found = engine.call(encode_for_matcher, session.model, open_image(image.data))
    session.learn(replace(image, features=features, matcher_features=found))
    return PairFeatures(generator=features, matcher=found)
