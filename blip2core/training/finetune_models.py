"""The models that `finetune` trains: a generator or a matcher, behind one interface."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from blip2core.config import FinetuneConfig
from blip2core.errors import ModelError
from blip2core.models.loading import load_generator, load_matcher
from blip2core.models.qformer import Stage1QFormer, attention_for
from blip2core.models.specs import find_spec
from blip2core.models.stage1_files import FILE, read_stage1_state, write_stage1
from blip2core.training.data import Order, stage1_batch
from blip2core.training.images import Data
from blip2core.training.objective import Stage1Objective
from blip2core.training.passages import PassageTokenizer, Stage2Batches
from blip2core.training.stage1 import negatives_of, to_device, validate
from blip2core.training.stage2 import Stage2Model, validation_loss

_DEFAULT_MAX_TEXT = 96
"""Most tokens of a passage where the settings give none."""
Losses = dict[str, Tensor]
"""Scalars by name; `loss` is what is minimised."""


class FinetuneModel(Protocol):
    """A loaded model whose trainable weights are in `module`; its image encoder is frozen."""

    module: Any
    encoder: Any
    processor: Any

    def batches(self, data: Data, order: Order) -> Callable[[int], Any]:
        """Return a function from a step to its batch, on the CPU."""

    def losses(self, module: Any, batch: Any, step: int, device: torch.device) -> Losses:
        """Return the losses of a batch; `module` is `self.module`,
        wrapped for several processes.
        """

    def validate(self, held: Data) -> dict[str, float]:
        """Return figures of the held-out pairs by name; `module` is in evaluation mode."""

    def save(self, folder: Path) -> None:
        """Write all of the model, as transformers reads it."""


def load_finetune_model(config: FinetuneConfig, device: torch.device) -> FinetuneModel:
    """Load the model that `config` names on `device`, ready to train.

    Raises ModelError where it is no BLIP-2, and what loading a model raises.
    """
    spec = find_spec(config.model)
    if spec.family != "blip2":
        raise ModelError(f"{spec.name} is of the family {spec.family}: only BLIP-2 is fine-tuned.")
    kind = FinetuneGenerator if spec.kind == "generator" else FinetuneMatcher
    return kind(config, device)


class FinetuneGenerator:
    """Fine-tunes a generator as in stage 2, with the language model frozen."""

    def __init__(self, config: FinetuneConfig, device: torch.device) -> None:
        loaded = load_generator(config.model, device=device, dtype="float32")
        self._config = config
        self._blip2, self.processor = loaded.model, loaded.processor
        self._blip2.set_attn_implementation(attention_for(device))
        self._blip2.language_model.to(getattr(torch, config.language_dtype))
        self.encoder = self._blip2.vision_model
        self.module = Stage2Model(self._blip2)
        for part in (self.module.qformer, self.module.language_projection):
            part.requires_grad_(True)
        self.module.query_tokens.requires_grad_(True)
        self._texts = PassageTokenizer(
            copy.deepcopy(self.processor.tokenizer),
            encoder_decoder=self._blip2.language_model.config.is_encoder_decoder,
            max_text=config.max_text or _DEFAULT_MAX_TEXT,
            whole_caption_share=config.whole_caption_share,
        )

    def batches(self, data: Data, order: Order) -> Callable[[int], Any]:
        return Stage2Batches(*data, self._texts, order, window=self._config.length_window).batch

    def losses(self, module: Any, batch: Any, step: int, device: torch.device) -> Losses:
        return {"loss": module(batch.to(device))}

    def validate(self, held: Data) -> dict[str, float]:
        """Return `loss`, the negative log-likelihood of a token of the captions, in nats."""
        return {"loss": validation_loss(self.module, held, self._texts, batch=self._config.batch)}

    def save(self, folder: Path) -> None:
        self._blip2.to("cpu").eval().save_pretrained(folder)
        self.processor.save_pretrained(folder)


class FinetuneMatcher:
    """Fine-tunes a matcher as in stage 1: ITC and ITM, and ITG where the checkpoint has its head.

    A checkpoint has that head beside its weights where this project trained it; transformers'
    class has no place for it.
    """

    def __init__(self, config: FinetuneConfig, device: torch.device) -> None:
        loaded = load_matcher(config.model, device=device, dtype="float32")
        self._config = config
        self.processor = loaded.processor
        self.encoder = loaded.model.vision_model
        self._tokenizer = copy.deepcopy(self.processor.tokenizer)
        self._max_text = min(config.max_text or loaded.text_limit, loaded.text_limit)
        folder = Path(loaded.spec.checkpoint)
        self._writes = (folder / FILE).is_file()
        state, start = read_stage1_state(folder) if self._writes else ({}, self._start_token())
        qformer = Stage1QFormer.from_retrieval(
            loaded.model.to("cpu"),
            decoder_token_id=start,
            stage1_state=state,
            attention=attention_for(device),
        ).to(device)
        self.encoder.to(device)
        if not self._writes:
            for part in (qformer.itg_transform, qformer.itg_bias):
                part.requires_grad_(False)
        self.module = Stage1Objective(qformer, label_smoothing=config.label_smoothing)

    def _start_token(self) -> int:
        tokenizer = self.processor.tokenizer
        start = tokenizer.bos_token_id
        return int(tokenizer.cls_token_id if start is None else start)

    def batches(self, data: Data, order: Order) -> Callable[[int], Any]:
        def batch(step: int) -> Any:
            return stage1_batch(*data, self._tokenizer, order, step, max_text=self._max_text)

        return batch

    def losses(self, module: Any, batch: Any, step: int, device: torch.device) -> Losses:
        found = module(
            to_device(batch, device), generator=negatives_of(self._config.seed, step, device)
        )
        # a head that is not trained still has to give a gradient where processes wait for one
        total = found.total if self._writes else found.itc + found.itm + 0.0 * found.itg
        return {"loss": total, "itc": found.itc, "itm": found.itm, "itg": found.itg}

    def validate(self, held: Data) -> dict[str, float]:
        """Return the losses, and Recall@1 among all held-out images."""
        everything = Order(seed=0, length=len(held.source), batch=len(held.source))
        device = self.module.qformer.query_tokens.device
        pool = to_device(self.batches(held, everything)(0), device)
        figures = validate(self.module, pool, batch=self._config.batch)
        if not self._writes:
            figures["loss"] = figures["itc"] + figures["itm"]
            del figures["itg"]
        return figures

    def save(self, folder: Path) -> None:
        qformer = self.module.qformer
        qformer.bound_temperature()
        encoder = self.encoder.to("cpu")
        if self._writes:
            write_stage1(folder, qformer.to("cpu").eval(), encoder, self.processor)
        else:
            qformer.to("cpu").eval().to_retrieval(encoder).save_pretrained(folder)
            self.processor.save_pretrained(folder)
