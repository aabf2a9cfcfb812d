"""The small models of one modality: two short runs give models that plain transformers loads."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, Blip2VisionModel

from blip2core.config import UnimodalConfig
from blip2core.errors import ConfigError
from blip2core.training import unimodal
from blip2core.training.tokenizers import train_causal_tokenizer
from tests.fonts import needs_font

TINY = UnimodalConfig(
    part="image_encoder",
    width=64,
    layers=1,
    steps=4,
    warmup_steps=1,
    batch=4,
    eval_items=4,
    eval_every=4,
    checkpoint_every=2,
    device="cpu",
)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("tokenizer")
    from blip2core.stickers.language import vocabulary_texts

    train_causal_tokenizer(vocabulary_texts(20), vocabulary=400).save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize("part", ["decoder", "encoder_decoder"])
def test_a_language_model_loads_with_plain_transformers(
    part: str, tokenizer: str, tmp_path: Path
) -> None:
    config = replace(TINY, part=part, tokenizer=tokenizer)
    folder = unimodal.run(config, tmp_path)
    kind = AutoModelForCausalLM if part == "decoder" else AutoModelForSeq2SeqLM
    assert kind.from_pretrained(folder).config.vocab_size > 261


def test_a_killed_run_goes_on_to_the_same_weights(tokenizer: str, tmp_path: Path) -> None:
    config = replace(TINY, part="decoder", tokenizer=tokenizer)
    whole = unimodal.run(config, tmp_path / "whole")
    unimodal.run(config, tmp_path / "killed")
    for folder in (tmp_path / "killed" / "checkpoints").glob("step-00000004"):
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
    resumed = unimodal.run(config, tmp_path / "killed")
    first = load_file(whole / "model.safetensors")
    second = load_file(resumed / "model.safetensors")
    assert all(torch.equal(first[name], second[name]) for name in first)


@needs_font
def test_the_image_encoder_loads_with_plain_transformers(tmp_path: Path) -> None:
    folder = unimodal.run(TINY, tmp_path)
    assert Blip2VisionModel.from_pretrained(folder).config.image_size == 112


def test_a_wrong_part_is_refused() -> None:
    with pytest.raises(ConfigError, match="part"):
        replace(TINY, part="ears")
