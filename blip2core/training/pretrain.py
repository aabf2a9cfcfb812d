"""Rebuild the embedded checkpoints from nothing: `make pretrain`.

The parts are made one after another, each in its own folder of `build/pretrain`, and each goes on
where it was killed:

    tokenizers          both vocabularies, from the same texts
    image_encoder       a ViT, from crowded scenes
    decoder             an OPT-like language model, from text
    encoder_decoder     a T5-like language model, from text
    stage1              the Q-Former learns to read images            -> stickers-itm
    stage2              it learns to speak to the decoder               -> stickers-opt
    stage2_t5           it learns to speak to the encoder-decoder       -> stickers-t5
    ablation            a short stage 2 with and without stage 1, to compare; not published
    publish             the three models as they are shipped
    cards               what they are and what they measure, as their README.md
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from transformers import (
    AutoConfig,
    AutoProcessor,
    Blip2ForConditionalGeneration,
    Blip2ForImageTextRetrieval,
)

from blip2core.bundled import CHECKPOINTS
from blip2core.config import Stage1Config, Stage2Config, UnimodalConfig
from blip2core.models.stage1_files import read_stage1_state, write_stage1_state
from blip2core.stickers.language import vocabulary_texts
from blip2core.stickers.scene import GRID
from blip2core.training import stage1, stage2, unimodal
from blip2core.training.model_card import FROM_STAGE1, WHAT, WITHOUT_STAGE1, write_card
from blip2core.training.stage2_initialisation import fit_to_descriptions
from blip2core.training.tokenizers import (
    TEXTS,
    train_causal_tokenizer,
    train_wordpiece_tokenizer,
)

BUILD = Path("build/pretrain")
SCENES = 32_000
"""Scenes whose image features are kept for both stages (0.8 GB)."""
CARD_SCENES = 1_000
"""Test scenes of each kind from which the model cards are written."""
ABLATION_STEPS = 600
STORED = torch.float16
"""Type of the published weights: half the size, and read back into fp32 without visible loss."""

IMAGE_ENCODER = UnimodalConfig(
    part="image_encoder",
    steps=2_400,
    warmup_steps=100,
    learning_rate=2e-3,
    floor=6e-5,
    eval_every=200,
    checkpoint_every=100,
)
DECODER = UnimodalConfig(
    part="decoder",
    steps=5_300,
    warmup_steps=100,
    batch=32,
    learning_rate=1.5e-3,
    floor=4.5e-5,
    checkpoint_every=250,
)
ENCODER_DECODER = replace(
    DECODER, part="encoder_decoder", layers=3, batch=64, steps=4_250, learning_rate=1e-3, floor=3e-5
)


def tokenizers(build: Path) -> None:
    """Train both small tokenizers on the same texts."""
    texts = vocabulary_texts(TEXTS)
    train_causal_tokenizer(texts).save_pretrained(build / "tokenizers" / "causal")
    train_wordpiece_tokenizer(texts).save_pretrained(build / "tokenizers" / "wordpiece")


def image_encoder(build: Path) -> None:
    """Train the image encoder, a ViT."""
    unimodal.run(IMAGE_ENCODER, build / "image_encoder")


def decoder(build: Path) -> None:
    """Train the OPT-like language model."""
    unimodal.run(replace(DECODER, tokenizer=_causal(build)), build / "decoder")


def encoder_decoder(build: Path) -> None:
    """Train the T5-like language model."""
    unimodal.run(replace(ENCODER_DECODER, tokenizer=_causal(build)), build / "encoder_decoder")


def stage1_config(build: Path) -> Stage1Config:
    """Return the settings of stage 1: each query begins at its own cell, and most wrong texts
    differ in one word.
    """
    return Stage1Config(
        scenes=SCENES,
        vision=str(build / "image_encoder" / "model"),
        tokenizer=str(build / "tokenizers" / "wordpiece"),
        cache=str(build / "features.npy"),
        anchor_grid=GRID,
        itm_start_step=300,
        hard_text_share=0.7,
        steps=7_900,
        warmup_steps=100,
        eval_every=200,
        checkpoint_every=100,
    )


def stage2_config(build: Path, language_model: str) -> Stage2Config:
    """Return the settings of stage 2 from the Q-Former of stage 1,
    for one of the language models.
    """
    return Stage2Config(
        scenes=SCENES,
        vision=str(build / "image_encoder" / "model"),
        stage1=str(build / "stage1" / "model"),
        language_model=str(build / language_model / "model"),
        cache=str(build / "features.npy"),
        whole_caption_share=0.5,
        steps=4_800,
        warmup_steps=100,
        learning_rate=6e-4,
        eval_every=200,
        checkpoint_every=100,
    )


def first_stage(build: Path) -> None:
    """Train the Q-Former in stage 1."""
    stage1.run(stage1_config(build), build / "stage1")


def second_stage(build: Path) -> None:
    """Train the Q-Former in stage 2 for the decoder."""
    stage2.run(stage2_config(build, "decoder"), build / "stage2", initialise=fit_to_descriptions)


def second_stage_t5(build: Path) -> None:
    """Train the Q-Former in stage 2 for the encoder-decoder."""
    config = replace(stage2_config(build, "encoder_decoder"), steps=1_800)
    stage2.run(config, build / "stage2_t5", initialise=fit_to_descriptions)


def ablation(build: Path) -> None:
    """Train plain stage 2 in as many steps from stage 1 and without it."""
    config = replace(stage2_config(build, "decoder"), steps=ABLATION_STEPS)
    stage2.run(config, build / "ablation" / FROM_STAGE1)
    stage2.run(replace(config, stage1=None), build / "ablation" / WITHOUT_STAGE1)


def publish(build: Path) -> None:
    """Write the three models as they are shipped."""
    generators = {"stickers-opt": "stage2", "stickers-t5": "stage2_t5"}
    for name, part in generators.items():
        _store(build / part / "model", CHECKPOINTS / name, Blip2ForConditionalGeneration)
    matcher = build / "stage1" / "model"
    _store(matcher, CHECKPOINTS / "stickers-itm", Blip2ForImageTextRetrieval)
    state, decoder_token_id = read_stage1_state(matcher)
    write_stage1_state(CHECKPOINTS / "stickers-itm", state, decoder_token_id=decoder_token_id)


def cards(build: Path) -> None:
    """Measure the three models on CARD_SCENES test scenes and write it down beside them."""
    for name in WHAT:
        runs = build / "ablation" if name == "stickers-opt" else None
        write_card(CHECKPOINTS / name, name, scenes=CARD_SCENES, ablation=runs)


def _store(
    source: Path,
    target: Path,
    kind: type[Blip2ForConditionalGeneration] | type[Blip2ForImageTextRetrieval],
) -> None:
    """Copy a model and its processor, with weights of type STORED."""
    model = kind.from_pretrained(source, config=AutoConfig.from_pretrained(source))
    model.to(STORED).save_pretrained(target)
    AutoProcessor.from_pretrained(source).save_pretrained(target)


def _causal(build: Path) -> str:
    return str(build / "tokenizers" / "causal")


PARTS: dict[str, Callable[[Path], None]] = {
    "tokenizers": tokenizers,
    "image_encoder": image_encoder,
    "decoder": decoder,
    "encoder_decoder": encoder_decoder,
    "stage1": first_stage,
    "stage2": second_stage,
    "stage2_t5": second_stage_t5,
    "ablation": ablation,
    "publish": publish,
    "cards": cards,
}


def main() -> None:
    """Make all parts, or those named."""
    parser = argparse.ArgumentParser(description="Rebuild the embedded checkpoints from nothing.")
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="default: all, in order")
    parser.add_argument(
        "--build", type=Path, default=BUILD, help="folder of the intermediate files"
    )
    arguments = parser.parse_args()
    for name in arguments.parts or PARTS:
        print(f"== {name}", flush=True)
        PARTS[name](arguments.build)


if __name__ == "__main__":
    main()
