"""The features of a session's image that its models read, each encoded once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.chat.image import ChatImage
from app.chat.session import ChatSession
from app.inference.doubts import calibration_of, look_for_doubt
from app.inference.engine import Engine
from app.inference.features import PairFeatures, encode_image, matcher_features
from blip2core.images import open_image
from blip2core.records import Doubt

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
    session.learn(image, features=features)
    return features


def pair_features(
    engine: Engine, session: ChatSession, image: ChatImage, model: str | None = None
) -> PairFeatures:
    """Return the features that a generator and its matcher read; without a name, the session's.

    Where the two share an image encoder, it does not run again. Both models must be loaded.
    """
    model = model or session.model
    features = generator_features(engine, session, image, model)
    known = (features, image.matcher_features)
    found = matcher_features(engine, model, lambda: open_image(image.data), *known)
    if all(found is not one for one in known):
        session.learn(image, features=features, matcher_features=found)
    return PairFeatures(generator=features, matcher=found)


def image_doubt(
    engine: Engine, session: ChatSession, image: ChatImage, model: str | None = None
) -> Doubt | None:
    """Return whether an image is unlike anything that a model has seen, without a name the
    session's; None where that is not calibrated. The session remembers it.
    """
    model = model or session.model
    if model not in image.doubts:
        doubt = None
        if calibration_of(engine.pair(model)) is not None:
            doubt = engine.call(look_for_doubt, model, pair_features(engine, session, image, model))
        session.learn(image, doubts={**image.doubts, model: doubt})
        return doubt
    return image.doubts[model]
