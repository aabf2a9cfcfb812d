"""Stage 1: the Q-Former learns vision-language representation from a frozen image encoder.

Paper, section 3.2.

out/features.npy    image features, once for all runs that name the same file
out/checkpoints/    to go on after a kill
out/curves/         TensorBoard
out/model/          the result: see `models/stage1_files.py`
"""

import copy
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers import AutoTokenizer, BertForMaskedLM, Blip2Processor, Blip2QFormerConfig

from blip2core.arguments import check_kind, checked_folder
from blip2core.config import Stage1Config
from blip2core.errors import ConfigError
from blip2core.models.anchors import anchor_queries
from blip2core.models.qformer import Stage1QFormer, attention_for
from blip2core.models.stage1_files import write_stage1
from blip2core.training.checkpoint import load_checkpoint, save_checkpoint
from blip2core.training.data import Order, Stage1Batch, stage1_batch
from blip2core.training.distributed import World
from blip2core.training.images import Data, open_data
from blip2core.training.losses import best_cosine
from blip2core.training.model_parts import load_vision
from blip2core.training.objective import Stage1Losses, Stage1Objective
from blip2core.training.optimizer import build_optimizer, set_lr
from blip2core.training.schedule import rate_at
from blip2core.training.session import TrainingProgress, is_due, order_of, start_session

ANCHOR_IMAGES = 512
"""Images from which `anchor_queries` estimates the positions of patches."""


def run(config: Stage1Config, out: Path) -> Path:
    """Train, or go on with what a killed run left in `out`; returns the folder of the model.

    Args:
        config: All settings; a run can only go on with those it was started with.
        out: Folder of this run, see above.
    """
    check_kind(config, Stage1Config, "config must be a Stage1Config", ConfigError)
    out = checked_folder(out, "out")
    accelerator = start_session(config)
    device, main = accelerator.device, accelerator.is_main_process
    encoder, image_processor = load_vision(config.vision, attention=attention_for(device))
    processor = Blip2Processor(image_processor, load_tokenizer(config))
    # a tokenizer remembers the length limit of its last call, which would be saved with it
    tokenizer = copy.deepcopy(processor.tokenizer)
    with accelerator.main_process_first():
        training, held = open_data(config, out, encoder.to(device), processor.image_processor)
    encoder.to("cpu")
    order = order_of(config, accelerator, len(training.source))

    model = build_objective(config, tokenizer, training, device)
    optimizer = build_optimizer(model, lr=config.learning_rate, weight_decay=config.weight_decay)
    wrapped, optimizer = accelerator.prepare(model, optimizer)
    root = out / "checkpoints"
    first = load_checkpoint(root, module=model, optimizer=optimizer, config=config)
    pool = to_device(draw_pool(config, held, tokenizer), device) if held else None

    with TrainingProgress(out, step=first, steps=config.steps, visible=main) as progress:
        for step in range(first, config.steps):
            lr = rate_at(config, step)
            set_lr(optimizer, lr)
            wrapped.train()
            batch = draw_batch(config, training, tokenizer, order, step)
            losses = wrapped(
                to_device(batch, device),
                generator=negatives_of(config.seed, step, device),
                with_itm=step >= config.itm_start_step,
            )
            accelerator.backward(losses.total)
            norm = accelerator.clip_grad_norm_(model.parameters(), config.clip)
            optimizer.step()
            optimizer.zero_grad()

            done = step + 1
            progress.advance()
            if is_due(done, config.log_every, config.steps):
                curves = curves_of(losses) | {"gradient": norm.item(), "lr": lr}
                curves["temperature"] = model.qformer.temperature.item()
                progress.log(done, {f"train/{name}": value for name, value in curves.items()})
            if pool and main and is_due(done, config.eval_every, config.steps):
                wrapped.eval()
                with accelerator.autocast():
                    figures = validate(model, pool, batch=config.batch)
                progress.log(done, {f"validation/{name}": at for name, at in figures.items()})
            if is_due(done, config.checkpoint_every, config.steps):
                save_checkpoint(root, step=done, module=model, optimizer=optimizer, config=config)

    if main:
        model.qformer.bound_temperature()
        write_stage1(out / "model", model.qformer.to("cpu").eval(), encoder, processor)
    accelerator.wait_for_everyone()
    return out / "model"


def load_tokenizer(config: Stage1Config) -> Any:
    """Load the tokenizer with [DEC], the start token of ITG, and with its length limit."""
    tokenizer = AutoTokenizer.from_pretrained(config.tokenizer)
    if tokenizer.bos_token_id is None:
        tokenizer.add_special_tokens({"bos_token": "[DEC]"})
    tokenizer.model_max_length = config.max_text
    return tokenizer


def build_objective(
    config: Stage1Config, tokenizer: Any, training: Data, device: torch.device
) -> Stage1Objective:
    """Build a fresh Q-Former, anchored where `config` says so, and its losses."""
    features = training.features
    qformer = build_qformer(config, tokenizer, vision_width=features.shape[2], device=device)
    if config.anchor_grid:
        seen = features.read(range(min(ANCHOR_IMAGES, len(features))))
        anchor_queries(qformer, seen, config.anchor_grid)
    return Stage1Objective(
        qformer,
        label_smoothing=config.label_smoothing,
        hard_text_share=config.hard_text_share,
    )


def build_qformer(
    config: Stage1Config, tokenizer: Any, *, vision_width: int, device: torch.device
) -> Stage1QFormer:
    """Build a fresh Q-Former of the size in `config`, or of BERT's size and with BERT's weights."""
    size = config.qformer
    bert = BertForMaskedLM.from_pretrained(config.bert) if config.bert else None
    shape = (
        {
            "hidden_size": size.hidden,
            "num_hidden_layers": size.layers,
            "num_attention_heads": size.heads,
            "intermediate_size": size.feed_forward,
            "max_position_embeddings": config.max_text,
            "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0,
        }
        if bert is None
        else {name: getattr(bert.config, name) for name in SHARED_WITH_BERT}
    )
    qformer = Stage1QFormer(
        Blip2QFormerConfig(
            **shape,
            vocab_size=len(tokenizer),
            pad_token_id=tokenizer.pad_token_id,
            cross_attention_frequency=size.cross_attention_every,
            encoder_hidden_size=vision_width,
            use_qformer_text_input=True,
        ),
        num_query_tokens=size.queries,
        image_text_hidden_size=config.embedding,
        decoder_token_id=tokenizer.bos_token_id,
        temperature=config.temperature,
        attention=attention_for(device),
    )
    if bert is not None:
        qformer.start_from_bert(bert)
    return qformer


SHARED_WITH_BERT = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "hidden_act",
    "layer_norm_eps",
    "max_position_embeddings",
    "hidden_dropout_prob",
    "attention_probs_dropout_prob",
)


def draw_batch(
    config: Stage1Config, data: Data, tokenizer: Any, order: Order, step: int
) -> Stage1Batch:
    """Return the batch of a step, on the CPU."""
    return stage1_batch(
        data.source,
        data.features,
        tokenizer,
        order,
        step,
        max_text=config.max_text,
        hard_texts=config.hard_text_share > 0,
    )


def draw_pool(config: Stage1Config, held: Data, tokenizer: Any) -> Stage1Batch:
    """Return all held-out images as one batch, the same in every run."""
    everything = Order(seed=0, length=len(held.source), batch=len(held.source))
    return draw_batch(config, held, tokenizer, everything, 0)


def to_device(batch: Stage1Batch, device: torch.device) -> Stage1Batch:
    """Return the same batch on another device."""
    tensors = {field.name: getattr(batch, field.name) for field in fields(batch)}
    return replace(batch, **{name: at.to(device) for name, at in tensors.items() if at is not None})


def rows_of(batch: Stage1Batch, rows: slice) -> Stage1Batch:
    """Return some images of a batch with their texts."""
    tensors = {field.name: getattr(batch, field.name) for field in fields(batch)}
    part = {name: at[rows] for name, at in tensors.items() if at is not None}
    return replace(batch, **part | {"matches": batch.matches[rows, rows]})


def negatives_of(seed: int, step: int, device: torch.device) -> torch.Generator:
    """Return the generator that draws the negatives of a step, the same on every process."""
    return torch.Generator(device).manual_seed(seed * 1_000_003 + step)


def curves_of(losses: Stage1Losses) -> dict[str, float]:
    """Return the losses as plain numbers for the curves."""
    return {"loss": losses.total.item()} | {
        name: value.item() for name, value in losses._asdict().items()
    }


class Recall(NamedTuple):
    """Recall@1 among all of a pool, in [0, 1]."""

    image_to_text: float
    text_to_image: float


def recall_at_1(similarity: Tensor, matches: Tensor) -> Recall:
    """Return Recall@1 in both directions, of (N, N) scores and (N, N) which of them match."""
    rows = torch.arange(len(matches), device=matches.device)
    return Recall(
        image_to_text=matches[rows, similarity.argmax(dim=1)].float().mean().item(),
        text_to_image=matches[similarity.argmax(dim=0), rows].float().mean().item(),
    )


@torch.no_grad()
def validate(model: Stage1Objective, pool: Stage1Batch, *, batch: int) -> dict[str, float]:
    """Return the losses of the pool, computed in batches, and Recall@1 of ITC among all of it."""
    sums: dict[str, float] = {}
    images, texts = [], []
    for start in range(0, len(pool.ids), batch):
        part = rows_of(pool, slice(start, start + batch))
        numbers = negatives_of(0, start, pool.ids.device)
        for name, value in curves_of(model(part, generator=numbers, world=World())).items():
            sums[name] = sums.get(name, 0.0) + value * len(part.ids) / len(pool.ids)
        images.append(model.qformer.image_features(model.qformer.encode_image(part.vision)))
        texts.append(model.qformer.text_features(model.qformer.encode_text(part.ids, part.mask)))
    recall = recall_at_1(best_cosine(torch.cat(images), torch.cat(texts)), pool.matches)
    return sums | {f"recall_{name}": value for name, value in recall._asdict().items()}
