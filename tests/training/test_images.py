import dataclasses
from pathlib import Path

import pytest
from PIL import Image

from blip2core.config import Stage1Config
from blip2core.training.images import open_data
from blip2core.training.model_parts import load_vision
from tests.training.conftest import Start


@pytest.fixture
def config(tmp_path: Path, start: Start) -> Stage1Config:
    """Three images with a text each."""
    for name in ("red", "green", "blue"):
        Image.new("RGB", (28, 28), name).save(tmp_path / f"{name}.png")
    lines = [f'{{"image": "{name}.png", "text": "{name}"}}' for name in ("red", "green", "blue")]
    (tmp_path / "pairs.jsonl").write_text("\n".join(lines))
    return Stage1Config(
        source=str(tmp_path / "pairs.jsonl"),
        vision=str(start.vision),
        tokenizer=str(start.wordpiece),
        steps=2,
        warmup_steps=0,
    )


def test_features_lie_in_the_folder_of_the_run(config: Stage1Config, tmp_path: Path) -> None:
    training, held = open_data(config, tmp_path / "out", *load(config))
    assert held is None  # a file says nothing about images that it does not name
    assert len(training.source) == len(training.features) == 3
    assert (tmp_path / "out" / "features.npy").is_file()


def test_held_out_images_have_features_of_their_own(config: Stage1Config, tmp_path: Path) -> None:
    cache = tmp_path / "shared" / "all.npy"
    config = dataclasses.replace(config, cache=str(cache), validation=config.source)
    _, held = open_data(config, tmp_path / "out", *load(config))
    assert held is not None and len(held.features) == 3
    assert cache.is_file() and cache.with_stem("all-validation").is_file()
    without = dataclasses.replace(config, eval_items=0)
    assert open_data(without, tmp_path / "out", *load(config))[1] is None


def load(config: Stage1Config) -> tuple[object, object]:
    return load_vision(config.vision, attention="eager")
