"""The images of a run with their features: training and held-out ones."""

from pathlib import Path
from typing import Any, NamedTuple

from blip2core.config import Stage1Config, Stage2Config
from blip2core.training.data import PairSource
from blip2core.training.features import FeatureCache, build_features
from blip2core.training.model_parts import open_pair_source


class Data(NamedTuple):
    """Images with texts, and the features of all the images."""

    source: PairSource
    features: FeatureCache


def open_data(
    config: Stage1Config | Stage2Config, out: Path, encoder: Any, image_processor: Any
) -> tuple[Data, Data | None]:
    """Open training data, and held-out data where there is any; missing features are computed."""
    cache = Path(config.cache) if config.cache else out / "features.npy"
    source = open_pair_source(config.source, scenes=config.scenes)
    training = Data(source, build_features(cache, source, encoder, image_processor))
    name = config.validation or (config.source if config.source == "stickers" else None)
    if name is None or config.eval_items == 0:
        return training, None
    held = open_pair_source(name, scenes=config.eval_items, split="validation")
    beside = cache.with_stem(f"{cache.stem}-validation")
    return training, Data(held, build_features(beside, held, encoder, image_processor))
