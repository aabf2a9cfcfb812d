"""Pre-training of the small image encoder and language models that BLIP-2 is then built around.

Neither sees the other's modality: the encoder learns from images and their exact truth, the
language models from text alone (`image_encoder.py` and `language_model.py` say how). The data are
drawn for each step from the seeds of the training split, without repetition.

out/checkpoints/    to go on after a kill
out/curves/         TensorBoard
out/model/          the result, for `from_pretrained`, with its image processor or tokenizer
"""

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, Protocol

import torch
from PIL import Image
from torch import Tensor, nn
from transformers import BlipImageProcessorPil, PreTrainedTokenizerFast

from blip2core.arguments import check_kind, checked_folder
from blip2core.config import UnimodalConfig
from blip2core.errors import ConfigError
from blip2core.records import Passage
from blip2core.stickers.language import page, passage, vocabulary_texts
from blip2core.stickers.paint import paint
from blip2core.stickers.scene import SIDE, SPLITS, Scene, draw_crowd, draw_scene
from blip2core.training import image_encoder, language_model
from blip2core.training.checkpoint import load_checkpoint, save_checkpoint
from blip2core.training.losses import IGNORE_INDEX
from blip2core.training.optimizer import build_optimizer, set_lr
from blip2core.training.schedule import rate_at
from blip2core.training.session import TrainingProgress, is_due, start_session
from blip2core.training.tokenizers import TEXTS, train_causal_tokenizer


class UnimodalTraining(Protocol):
    """A model in training, as the loop of `run` uses it."""

    module: nn.Module

    def loss(self, step: int) -> Tensor:
        """Return the loss of the batch of step `step`, a scalar."""

    def figures(self) -> dict[str, float]:
        """Return validation figures by name."""

    def save(self, folder: Path) -> None:
        """Write the model for `from_pretrained`."""


def run(config: UnimodalConfig, out: Path) -> Path:
    """Train, or go on with what a killed run left in `out`; returns the folder of the model."""
    check_kind(config, UnimodalConfig, "config must be a UnimodalConfig", ConfigError)
    out = checked_folder(out, "out")
    accelerator = start_session(config)
    training = TRAININGS[config.part](config, out, accelerator.device)
    optimizer = build_optimizer(
        training.module, lr=config.learning_rate, weight_decay=config.weight_decay
    )
    training.module.to(accelerator.device)
    root = out / "checkpoints"
    first = load_checkpoint(root, module=training.module, optimizer=optimizer, config=config)
    with TrainingProgress(out, step=first, steps=config.steps, visible=True) as progress:
        for step in range(first, config.steps):
            lr = rate_at(config, step)
            set_lr(optimizer, lr)
            training.module.train()
            with accelerator.autocast():
                loss = training.loss(step)
            loss.backward()  # type: ignore[no-untyped-call]
            accelerator.clip_grad_norm_(training.module.parameters(), config.clip)
            optimizer.step()
            optimizer.zero_grad()

            done = step + 1
            progress.advance()
            if is_due(done, config.log_every, config.steps):
                progress.log(done, {"train/loss": loss.item(), "train/lr": lr})
            if is_due(done, config.eval_every, config.steps):
                training.module.eval()
                figures = training.figures()
                progress.log(done, {f"validation/{name}": at for name, at in figures.items()})
            if is_due(done, config.checkpoint_every, config.steps):
                save_checkpoint(
                    root, step=done, module=training.module, optimizer=optimizer, config=config
                )
    training.save(out / "model")
    return out / "model"


def small_image_processor() -> BlipImageProcessorPil:
    """Return CLIP's normalisation at SIDE x SIDE pixels, as BLIP-2 has it; needs no torchvision."""
    return BlipImageProcessorPil(size={"height": SIDE, "width": SIDE})


class CurriculumStage(NamedTuple):
    """The passages of one part of a language model's training."""

    until: float
    """Share of the steps at which the stage ends."""
    groups: int
    """Groups of a scene that passages mention."""
    probes: float
    """Share of passages that ask for single cells."""


CURRICULUM = (
    CurriculumStage(0.1, 2, 0.7),
    CurriculumStage(0.25, 4, 0.4),
    CurriculumStage(1.0, 4, 0.15),
)
"""Reading single cells comes first: without it, copying a noun takes very long to emerge."""
PAGE_WORDS = {"decoder": 34, "encoder_decoder": 12}
"""Words of a page; an encoder-decoder learns from one answer only, so it reads less at once."""


class ImageEncoderTraining:
    """Trains the image encoder with its reading heads."""

    def __init__(self, config: UnimodalConfig, out: Path, device: torch.device) -> None:
        self._config, self._device = config, device
        self._processor = small_image_processor()
        self._encoder = image_encoder.build_image_encoder(
            config.width, config.layers, heads=config.width // 64
        )
        self._heads = image_encoder.ReadingHeads(config.width)
        self.module: nn.Module = nn.ModuleDict({"encoder": self._encoder, "heads": self._heads})

    def loss(self, step: int) -> Tensor:
        scenes = self._scenes(step)
        noise = torch.Generator().manual_seed(self._config.seed * 1_000_003 + step)
        pixels, truth = image_encoder.jitter(
            self._pixels(scenes), image_encoder.truth_of(scenes), noise
        )
        return image_encoder.reading_loss(
            self._heads, self._features(pixels), truth.to(self._device)
        )

    @torch.no_grad()
    def figures(self) -> dict[str, float]:
        seeds = SPLITS["validation"][: self._config.eval_items]
        found: dict[str, float] = {}
        for name, held_out in (("", False), ("held_out_", True)):
            scenes = [draw_scene(seed, held_out=held_out) for seed in seeds]
            truth = image_encoder.truth_of(scenes).to(self._device)
            accuracy = image_encoder.reading_accuracy(
                self._heads, self._features(self._pixels(scenes)), truth
            )
            found |= {name + key: value for key, value in accuracy.items()}
        return found

    def save(self, folder: Path) -> None:
        self._encoder.save_pretrained(folder)
        self._processor.save_pretrained(folder)

    def _scenes(self, step: int) -> list[Scene]:
        config = self._config
        early = step < config.settle_share * config.steps
        share = config.crowd_share if early else config.settled_crowd_share
        rng = random.Random(f"crowds {config.seed} {step}")
        return [
            draw_crowd(seed) if rng.random() < share else draw_scene(seed)
            for seed in _seeds(step, config)
        ]

    def _pixels(self, scenes: list[Scene]) -> Tensor:
        """Return normalised pixels, (B, 3, SIDE, SIDE)."""
        images: list[Image.Image] = [paint(scene) for scene in scenes]
        pixels: Tensor = self._processor(images, return_tensors="pt").pixel_values
        return pixels

    def _features(self, pixels: Tensor) -> Tensor:
        """Encode pixels (B, 3, SIDE, SIDE) to (B, 1 + P, D)."""
        encoder = self._encoder
        features: Tensor = encoder(pixel_values=pixels.to(self._device)).last_hidden_state
        return features


class LanguageModelTraining:
    """Trains a language model on descriptions and passages."""

    def __init__(self, config: UnimodalConfig, out: Path, device: torch.device) -> None:
        self._config, self._device = config, device
        self._tokenizer = open_tokenizer(config.tokenizer, out)
        self._fuser = language_model.WordFuser(self._tokenizer)
        self._decoder_only = config.part == "decoder"
        build = (
            language_model.build_decoder
            if self._decoder_only
            else language_model.build_encoder_decoder
        )
        self.module = build(self._tokenizer, config.width, config.layers)

    def loss(self, step: int) -> Tensor:
        config = self._config
        rng = random.Random(f"passages {config.seed} {step}")
        noise = torch.Generator().manual_seed(rng.getrandbits(48))
        scenes = [draw_scene(seed) for seed in _seeds(step, config)]
        stage = next(at for at in CURRICULUM if step < at.until * config.steps)
        scenes = [replace(scene, groups=scene.groups[: stage.groups]) for scene in scenes]
        words = PAGE_WORDS[config.part]
        pages = [page(scene, rng, probes=stage.probes, words=words) for scene in scenes]
        return self._loss(scenes, pages, rng, noise)

    @torch.no_grad()
    def figures(self) -> dict[str, float]:
        rng = random.Random("validation")
        scenes = [draw_scene(seed) for seed in SPLITS["validation"][: self._config.eval_items]]
        passages = [passage(scene, rng) for scene in scenes]
        return {"loss": self._loss(scenes, passages, rng, None).item()}

    def save(self, folder: Path) -> None:
        self.module.save_pretrained(folder)
        self._tokenizer.save_pretrained(folder)

    def _loss(
        self,
        scenes: list[Scene],
        passages: list[Passage],
        rng: random.Random,
        noise: torch.Generator | None,
    ) -> Tensor:
        """Return the loss of the whole batch; a few passages are read without their description."""
        blind = noise is not None and rng.random() < language_model.BLIND_SHARE
        counting = rng if noise is not None else None
        word_ids = self._fuser.word_ids(scenes, counting).to(self._device)
        embeddings = self.module.get_input_embeddings()
        prefix = None if blind else language_model.fuse(embeddings, word_ids, noise)
        if self._decoder_only:
            batch = language_model.collate_passages(passages, self._tokenizer).to(self._device)
            logits = language_model.decoder_logits(self.module, prefix, batch)
            return language_model.weighted_loss(logits, batch.ids[:, 1:], batch.weights[:, 1:])
        batch, labels = language_model.encoder_decoder_batch(passages, self._tokenizer, rng)
        labels = labels.to(self._device)
        logits = language_model.encoder_decoder_logits(
            self.module, prefix, batch.to(self._device), labels
        )
        wanted = (labels != IGNORE_INDEX).float()
        return language_model.weighted_loss(logits, labels.clamp(min=0), wanted)


def open_tokenizer(name: str | None, out: Path) -> PreTrainedTokenizerFast:
    """Open the tokenizer in a folder; None trains one, once, and keeps it in `out`/tokenizer."""
    folder = Path(name) if name else out / "tokenizer"
    if name is None and not folder.exists():
        train_causal_tokenizer(vocabulary_texts(TEXTS)).save_pretrained(folder)
    return PreTrainedTokenizerFast.from_pretrained(folder)


def _seeds(step: int, config: UnimodalConfig) -> list[int]:
    """Return the training seeds of a step: other ones in each,
    and again from the start at the end.
    """
    seeds = SPLITS["train"]
    return [seeds[(step * config.batch + row) % len(seeds)] for row in range(config.batch)]


TRAININGS: dict[str, Callable[[UnimodalConfig, Path, torch.device], UnimodalTraining]] = {
    "image_encoder": ImageEncoderTraining,
    "decoder": LanguageModelTraining,
    "encoder_decoder": LanguageModelTraining,
}
