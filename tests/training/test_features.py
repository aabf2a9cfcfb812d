from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from blip2core.errors import CheckpointError, ModelError
from blip2core.training.features import build_features
from tests import tiny


def test_features_are_those_of_the_encoder(
    tmp_path: Path, make_pairs: Any, encoder: nn.Module
) -> None:
    pairs, processor = make_pairs.of(5), tiny.image_processor()
    cache = build_features(tmp_path / "f.npy", pairs, encoder, processor, batch=2)
    pixels = processor([pairs.image(3), pairs.image(1)], return_tensors="pt").pixel_values
    with torch.no_grad():
        expected = encoder(pixel_values=pixels).last_hidden_state
    assert cache.shape == (5, 5, 24)
    assert cache.read([3, 1]).dtype == torch.float32
    assert torch.equal(cache.read([3, 1]), expected.half().float())
    assert np.load(tmp_path / "f.npy").dtype == np.float16


def test_a_finished_file_is_never_encoded_again(
    tmp_path: Path, make_pairs: Any, encoder: nn.Module
) -> None:
    pairs, path = make_pairs.of(4), tmp_path / "f.npy"
    build_features(path, pairs, encoder, tiny.image_processor())
    encoder.register_forward_hook(lambda *_: pytest.fail("the encoder ran again"))
    build_features(path, pairs, encoder, tiny.image_processor())
    assert pairs.painted == 4


def test_a_killed_build_goes_on_where_it_stopped(
    tmp_path: Path, make_pairs: Any, encoder: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(make_pairs.of):
        def image(self, index: int) -> Any:
            if index == 5:
                raise KeyboardInterrupt
            return super().image(index)

    monkeypatch.setattr("blip2core.training.features._SAVE_EVERY", 1)
    path, processor = tmp_path / "f.npy", tiny.image_processor()
    with pytest.raises(KeyboardInterrupt):
        build_features(path, Killed(7), encoder, processor, batch=2)
    pairs = make_pairs.of(7)
    resumed = build_features(path, pairs, encoder, processor, batch=2)
    whole = build_features(tmp_path / "whole.npy", make_pairs.of(7), encoder, processor, batch=2)
    assert pairs.painted == 3
    assert torch.equal(resumed.read(range(7)), whole.read(range(7)))


def test_other_weights_processor_or_images_are_refused(
    tmp_path: Path, make_pairs: Any, encoder: Any
) -> None:
    pairs, path = make_pairs.of(4), tmp_path / "f.npy"
    build_features(path, pairs, encoder, tiny.image_processor())
    darker = tiny.image_processor()
    darker.image_mean = (0.1, 0.1, 0.1)
    with pytest.raises(CheckpointError, match="its fingerprint differs"):
        build_features(path, pairs, encoder, darker)
    with pytest.raises(CheckpointError, match="its shape differs"):
        build_features(path, make_pairs.of(5), encoder, tiny.image_processor())
    with torch.no_grad():
        encoder.post_layernorm.bias[0] += 1
    with pytest.raises(CheckpointError, match="another image encoder"):
        build_features(path, pairs, encoder, tiny.image_processor())


def test_a_file_without_its_description_is_refused(
    tmp_path: Path, make_pairs: Any, encoder: nn.Module
) -> None:
    pairs, path = make_pairs.of(2), tmp_path / "f.npy"
    build_features(path, pairs, encoder, tiny.image_processor())
    (tmp_path / "f.json").unlink()
    with pytest.raises(CheckpointError, match="f.json beside it"):
        build_features(path, pairs, encoder, tiny.image_processor())


def test_values_beyond_fp16_are_refused(tmp_path: Path, make_pairs: Any, encoder: Any) -> None:
    with torch.no_grad():
        encoder.post_layernorm.weight.fill_(1e6)
    with pytest.raises(ModelError, match="do not fit in fp16"):
        build_features(tmp_path / "f.npy", make_pairs.of(2), encoder, tiny.image_processor())
