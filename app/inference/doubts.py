"""Whether an image is unlike anything that the models of a pair have seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.inference.engine import Engine
from app.inference.features import PairFeatures, matcher_features
from app.inference.pool import ModelPair
from blip2core.images import content_hash
from blip2core.records import Doubt

if TYPE_CHECKING:
    from PIL import Image

    from blip2core.doubt import DoubtCalibration
    from blip2core.models.vision import ImageFeatures


def calibration_of(pair: ModelPair) -> DoubtCalibration | None:
    """Return the calibration of a pair's captioner with its matcher, None where there is none.

    Only where the captioner has one is the matcher loaded, for which it waits.
    """
    from blip2core.doubt import calibration_for  # loads torch: the page need not wait

    if calibration_for(pair.generator) is None:
        return None
    return calibration_for(pair.generator, pair.matcher)


def find_doubt(
    engine: Engine, model: str, image: Image.Image, features: ImageFeatures
) -> Doubt | None:
    """Return whether an image is in doubt, by its features for the generator; None where the model
    is not calibrated.
    """
    pair = engine.pair(model)
    if calibration_of(pair) is None:
        return None
    # Programs ask several questions about one image, and looking costs more than an answer.
    key = content_hash(image)
    known = pair.doubts.find(key)
    if known is None:
        scored = matcher_features(engine, model, lambda: image, features)
        both = PairFeatures(generator=features, matcher=scored)
        known = engine.call(look_for_doubt, model, both)
        if known is not None:
            pair.doubts.keep(key, known)
    return known


def look_for_doubt(pair: ModelPair, features: PairFeatures) -> Doubt | None:
    """Return whether an image is in doubt. The engine runs it."""
    from blip2core.doubt import doubts

    calibration = calibration_of(pair)
    if calibration is None:
        return None
    models = pair.generator, pair.matcher
    return doubts(calibration, *models, features.generator, features.matcher)[0]
