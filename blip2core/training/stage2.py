"""Stage 2: the Q-Former learns to prompt a frozen language model. Section 3.3 of the paper.

out/features.npy    image features, once for all runs that name the same file
out/checkpoints/    to go on after a kill
out/curves/         TensorBoard
out/model/          the result, for transformers' `Blip2ForConditionalGeneration`
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from blip2core.arguments import check_kind, checked_folder
from blip2core.config import Stage2Config
from blip2core.errors import ConfigError
from blip2core.models.qformer import attention_for
from blip2core.training.checkpoint import load_checkpoint, save_checkpoint
from blip2core.training.data import Order, PairSource
from blip2core.training.exact_match import exact_answers
from blip2core.training.features import FeatureCache
from blip2core.training.images import Data, open_data
from blip2core.training.losses import IGNORE_INDEX
from blip2core.training.model_parts import build_blip2
from blip2core.training.optimizer import build_optimizer, set_lr
from blip2core.training.passages import PassageTokenizer, Stage2Batch, Stage2Batches
from blip2core.training.schedule import rate_at
from blip2core.training.session import TrainingProgress, is_due, order_of, start_session

Measure = Callable[[Any, Any, PairSource, FeatureCache], dict[str, float]]
"""(model, processor, validation source, its features) -> figures by name."""
Initialise = Callable[["Stage2Model", Data, Any], None]
"""(model, training data, tokenizer) -> None; initialises the projection."""


class Stage2Model(nn.Module):
    """The parts of a `Blip2ForConditionalGeneration` behind its image encoder, and their loss.

    The language model is frozen: gradients pass through it to its inputs, and it stays in
    evaluation mode.
    """

    def __init__(self, blip2: Any) -> None:
        super().__init__()
        self.query_tokens = blip2.query_tokens
        self.qformer = blip2.qformer
        self.language_projection = blip2.language_projection
        self.language_model = blip2.language_model

    def train(self, mode: bool = True) -> "Stage2Model":
        """Set the mode of the trained parts; the frozen language model stays in evaluation mode."""
        super().train(mode)
        self.language_model.eval()
        return self

    def soft_words(self, vision: Tensor) -> Tensor:
        """Return (B, Q, D) soft visual prompts, in the place of Q word embeddings, of features (B,
        P, V).
        """
        projected: Tensor = self.language_projection(self.read(vision))
        return projected

    def read(self, vision: Tensor) -> Tensor:
        """Return the Q-Former's output (B, Q, width of the Q-Former) of image features (B, P,
        V).
        """
        queries = self.query_tokens.expand(len(vision), -1, -1)
        output = self.qformer(query_embeds=queries, encoder_hidden_states=vision)
        hidden: Tensor = output.last_hidden_state
        return hidden

    def forward(self, batch: Stage2Batch) -> Tensor:
        """Return the mean negative log-likelihood of the target tokens of the batch, in nats,
        ().
        """
        soft = self.soft_words(batch.vision)
        words = self.language_model.get_input_embeddings()(batch.ids)  # (B, T, D)
        inputs = torch.cat([soft.to(words.dtype), words], dim=1)
        mask = functional.pad(batch.mask, (soft.shape[1], 0), value=1)
        if self.language_model.config.is_encoder_decoder:
            logits, targets = self._prefixed(inputs, mask, batch.labels)
        else:
            logits, targets = self._continued(inputs, mask, batch.labels)
        return functional.cross_entropy(logits.float(), targets)

    def _continued(self, inputs: Tensor, mask: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (N, vocabulary) and ids (N,) of the N target tokens, decoder alone."""
        hidden = self.language_model.base_model(
            inputs_embeds=inputs, attention_mask=mask, use_cache=False
        ).last_hidden_state  # (B, Q + T, D)
        # The position before a token tells it; only those are worth the large output matrix.
        before = hidden[:, -labels.shape[1] - 1 : -1]  # (B, T, D)
        wanted = labels != IGNORE_INDEX
        return self.language_model.get_output_embeddings()(before[wanted]), labels[wanted]

    def _prefixed(self, inputs: Tensor, mask: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (N, vocabulary) and ids (N,) of the N target tokens, encoder-decoder."""
        logits = self.language_model(
            inputs_embeds=inputs,
            attention_mask=mask,
            decoder_input_ids=self.language_model.prepare_decoder_input_ids_from_labels(labels),
            use_cache=False,
        ).logits  # (B, L, vocabulary)
        wanted = labels != IGNORE_INDEX
        return logits[wanted], labels[wanted]


@torch.no_grad()
def initialise_projection(model: Stage2Model, data: Data, tokenizer: Any) -> None:
    """Draw the projection so that soft words are as large as word embeddings.

    transformers' own start makes them several times larger.
    """
    words = model.language_model.get_input_embeddings().weight.float()
    some = range(min(64, len(data.features)))
    size = model.read(data.features.read(some)).square().mean().sqrt()
    linear = model.language_projection
    nn.init.normal_(linear.weight, std=float(words.std() / size) / math.sqrt(linear.in_features))
    nn.init.zeros_(linear.bias)


def run(
    config: Stage2Config,
    out: Path,
    *,
    initialise: Initialise = initialise_projection,
    measure: Measure = exact_answers,
) -> Path:
    """Train, or go on with what a killed run left in `out`; returns the folder of the model.

    Args:
        config: All settings; a run can only go on with those it was started with.
        out: Folder of this run, see above.
        initialise: Called once, before the first step.
        measure: Called with the validation images every `eval_every` steps.
    """
    check_kind(config, Stage2Config, "config must be a Stage2Config", ConfigError)
    out = checked_folder(out, "out")
    accelerator = start_session(config)
    device, main = accelerator.device, accelerator.is_main_process
    blip2, processor = build_blip2(config, attention=attention_for(device))
    texts = passage_tokenizer(config, blip2, processor)
    with accelerator.main_process_first():
        training, held = open_data(
            config, out, blip2.vision_model.to(device), processor.image_processor
        )
    blip2.vision_model.to("cpu")
    order = order_of(config, accelerator, len(training.source))
    batches = Stage2Batches(*training, texts, order, window=config.length_window)

    model = Stage2Model(blip2)
    optimizer = build_optimizer(model, lr=config.learning_rate, weight_decay=config.weight_decay)
    wrapped, optimizer = accelerator.prepare(model, optimizer)
    root = out / "checkpoints"
    first = load_checkpoint(root, module=model, optimizer=optimizer, config=config)
    if first == 0:
        initialise(model, training, processor.tokenizer)
    with TrainingProgress(out, step=first, steps=config.steps, visible=main) as progress:
        for step in range(first, config.steps):
            lr = rate_at(config, step)
            set_lr(optimizer, lr)
            wrapped.train()
            loss = wrapped(batches.batch(step).to(device))
            accelerator.backward(loss)
            norm = accelerator.clip_grad_norm_(model.parameters(), config.clip)
            optimizer.step()
            optimizer.zero_grad()

            done = step + 1
            progress.advance()
            if is_due(done, config.log_every, config.steps):
                curves = {"loss": loss.item(), "gradient": norm.item(), "lr": lr}
                progress.log(done, {f"train/{name}": value for name, value in curves.items()})
            if held and main and is_due(done, config.eval_every, config.steps):
                wrapped.eval()
                with accelerator.autocast():
                    figures = {"loss": validation_loss(model, held, texts, batch=config.batch)}
                    figures |= measure(blip2, processor, held.source, held.features)
                progress.log(done, {f"validation/{name}": at for name, at in figures.items()})
            if is_due(done, config.checkpoint_every, config.steps):
                save_checkpoint(root, step=done, module=model, optimizer=optimizer, config=config)

    if main:
        blip2.to("cpu").eval().save_pretrained(out / "model")
        processor.save_pretrained(out / "model")
    accelerator.wait_for_everyone()
    return out / "model"


def passage_tokenizer(config: Stage2Config, blip2: Any, processor: Any) -> PassageTokenizer:
    """Build the tokenizer of passages for the language model of `blip2`."""
    return PassageTokenizer(
        processor.tokenizer,
        encoder_decoder=blip2.language_model.config.is_encoder_decoder,
        max_text=config.max_text,
        whole_caption_share=config.whole_caption_share,
    )


@torch.no_grad()
def validation_loss(
    model: Stage2Model, held: Data, texts: PassageTokenizer, *, batch: int
) -> float:
    """Return the mean loss over all target tokens of the held-out images, with the same passages
    each time.
    """
    size = min(batch, len(held.source))
    order = Order(seed=0, length=len(held.source), batch=size)
    batches = Stage2Batches(*held, texts, order)
    total, tokens = 0.0, 0
    for step in range(math.ceil(len(held.source) / size)):
        drawn = batches.batch(step).to(model.query_tokens.device)
        number = int((drawn.labels != IGNORE_INDEX).sum())
        total += model(drawn).item() * number
        tokens += number
    return total / tokens
