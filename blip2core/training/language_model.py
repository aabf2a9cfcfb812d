"""Pre-training of the small language models on text alone: descriptions, captions, dialogues.

BLIP-2's language model is frozen, so it must be able to read a prefix of continuous vectors before
it ever meets an image. Large language models can; a small one that has only seen words cannot
(docs/LOG.md). So ours reads each scene's `description` as GRID * GRID vectors, each the fused
embeddings of one cell's words with noise, and learns to caption and answer from them. No image
takes part.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import (
    OPTConfig,
    OPTForCausalLM,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)

from blip2core.records import Passage
from blip2core.stickers.language import description
from blip2core.stickers.scene import Scene
from blip2core.training.losses import IGNORE_INDEX

NOISE = (0.0, 0.2, 0.4)
"""Standard deviations of the noise on prefix vectors, in units of the word embeddings' own."""
COUNTED_SHARE = 0.7
"""Share of the descriptions that contain counts; elsewhere the cells must be counted."""
QUESTION_WEIGHT = 0.1
"""Weight of a question's tokens beside 1 for an answer's: questions are asked, not predicted."""
BLIND_SHARE = 0.04
"""Share of the passages read without any description, so that the bare prompt is known too."""


def build_decoder(tokenizer: PreTrainedTokenizerFast, width: int, layers: int) -> OPTForCausalLM:
    """Build a random OPT-like decoder for this tokenizer."""
    config = OPTConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        word_embed_proj_dim=width,
        ffn_dim=4 * width,
        num_hidden_layers=layers,
        num_attention_heads=width // 32,
        max_position_embeddings=256,
        dropout=0.0,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=newline_id(tokenizer),
        pad_token_id=tokenizer.pad_token_id,
        attn_implementation="eager",
    )
    model = OPTForCausalLM(config)
    start_recalling(model)
    return model


def build_encoder_decoder(
    tokenizer: PreTrainedTokenizerFast, width: int, layers: int
) -> T5ForConditionalGeneration:
    """Build a random T5-like model for this tokenizer,
    `layers` in the encoder and in the decoder.
    """
    config = T5Config(
        vocab_size=len(tokenizer),
        d_model=width,
        d_kv=32,
        num_heads=width // 32,
        d_ff=4 * width,
        num_layers=layers,
        num_decoder_layers=layers,
        dropout_rate=0.0,
        feed_forward_proj="gated-gelu",
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        decoder_start_token_id=tokenizer.pad_token_id,
        attn_implementation="eager",
    )
    model = T5ForConditionalGeneration(config)
    start_recalling(model)
    return model


@torch.no_grad()
def start_recalling(model: OPTForCausalLM | T5ForConditionalGeneration) -> None:
    """Start every attention so that a word finds the same word elsewhere and copies from there.

    Queries and keys begin as the same rotation, values and outputs as a rotation and its inverse:
    attention then prefers tokens that are alike and passes on what they are. Reading a description
    is such recall, and from the usual start it takes very long to emerge (docs/LOG.md). The idea
    is mimetic initialisation (Trockman and Kolter, 2023, arXiv 2305.09828).
    """
    decoder_only = isinstance(model, OPTForCausalLM)
    if decoder_only:
        scale = model.config.hidden_size**-0.5
        nn.init.normal_(model.get_input_embeddings().weight, std=scale)
        nn.init.normal_(model.model.decoder.embed_positions.weight, std=scale / 2)
    # T5 does not divide its scores by the square root of the head width, and its words are longer
    sharpness, gain = (0.9, 0.28) if decoder_only else (0.4, 1.0)
    for module in model.modules():
        names = ("q_proj", "k_proj", "v_proj", "out_proj") if decoder_only else ("q", "k", "v", "o")
        if not all(hasattr(module, name) for name in names):
            continue
        query, key, value, output = (getattr(module, name).weight for name in names)
        nn.init.orthogonal_(query).mul_(sharpness)
        key.copy_(query)
        nn.init.orthogonal_(value).mul_(gain)
        output.copy_(value.T)


def newline_id(tokenizer: PreTrainedTokenizerFast) -> int:
    """Return the token that ends an answer of the decoder, as for the official OPT checkpoints."""
    ids: list[int] = tokenizer("\n", add_special_tokens=False)["input_ids"]
    return ids[0]


class WordFuser:
    """Turns descriptions into prefix vectors with a language model's own word embeddings."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self._tokenizer = tokenizer
        self._ids: dict[str, list[int]] = {}

    def word_ids(self, scenes: Sequence[Scene], rng: random.Random | None = None) -> Tensor:
        """Return (B, cells, W) token ids of each cell's words, -1 where a cell has fewer.

        With `rng`, COUNTED_SHARE of the descriptions tell counts; without it all do.
        """
        told = [rng is None or rng.random() < COUNTED_SHARE for _ in scenes]
        cells = [
            [self._cell(words) for words in description(scene, counted=counted)]
            for scene, counted in zip(scenes, told, strict=True)
        ]
        longest = max(len(ids) for row in cells for ids in row)
        return torch.tensor([[ids + [-1] * (longest - len(ids)) for ids in row] for row in cells])

    def _cell(self, words: tuple[str, ...]) -> list[int]:
        ids: list[int] = []
        for word in words:
            if word not in self._ids:
                encoded = self._tokenizer(" " + word, add_special_tokens=False)
                self._ids[word] = encoded["input_ids"]
            ids += self._ids[word]
        return ids


def fuse(
    embeddings: nn.Embedding, word_ids: Tensor, generator: torch.Generator | None = None
) -> Tensor:
    """Return the sum of the embeddings over sqrt(number of words), (B, cells, D).

    With a `generator`, noise of a strength drawn per scene from `NOISE` is added.
    """
    known = word_ids >= 0
    vectors = embeddings(word_ids.clamp(min=0)) * known.unsqueeze(-1)
    fused: Tensor = vectors.sum(dim=2) / known.sum(dim=2, keepdim=True).sqrt()
    if generator is None:
        return fused
    strengths = torch.tensor(NOISE)[
        torch.randint(len(NOISE), (len(fused), 1, 1), generator=generator)
    ]
    noise = torch.randn(fused.shape, generator=generator)
    scale = embeddings.weight.detach().std()
    return fused + (noise * strengths).to(fused.device) * scale


@dataclass(frozen=True, slots=True, kw_only=True)
class TextBatch:
    """Passages as token ids, right-padded."""

    ids: Tensor
    """(B, T)"""
    mask: Tensor
    """(B, T), 1 for tokens"""
    weights: Tensor
    """(B, T) weight of each token as a target; 0 for padding and the start token"""

    def to(self, device: torch.device) -> "TextBatch":
        """Return the same batch on another device."""
        return TextBatch(
            ids=self.ids.to(device), mask=self.mask.to(device), weights=self.weights.to(device)
        )


MAX_PASSAGE_TOKENS = 72
"""Tokens of a row; pages of about this length keep batches nearly free of padding."""


def collate_passages(passages: Sequence[Passage], tokenizer: PreTrainedTokenizerFast) -> TextBatch:
    """Return the start token and the segments of each passage, cut at MAX_PASSAGE_TOKENS.

    Tokens of targets weigh 1, all others QUESTION_WEIGHT.
    """
    pad, start = tokenizer.pad_token_id, tokenizer.bos_token_id
    texts = [segment.text for passage in passages for segment in passage]
    pieces = iter(tokenizer(texts, add_special_tokens=False)["input_ids"])
    rows, weights = [], []
    for passage in passages:
        row, weight = [start], [0.0]
        for segment in passage:
            ids = next(pieces)
            row += ids
            weight += [1.0 if segment.target else QUESTION_WEIGHT] * len(ids)
        rows.append(torch.tensor(row[:MAX_PASSAGE_TOKENS]))
        weights.append(torch.tensor(weight[:MAX_PASSAGE_TOKENS]))
    ids = nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=pad)
    lengths = torch.tensor([len(row) for row in rows])
    mask = (torch.arange(ids.shape[1]) < lengths[:, None]).long()
    padded = nn.utils.rnn.pad_sequence(weights, batch_first=True)
    return TextBatch(ids=ids, mask=mask, weights=padded)


def decoder_logits(model: OPTForCausalLM, prefix: Tensor | None, batch: TextBatch) -> Tensor:
    """Return logits (B, T - 1, V) of every token but the first, given the prefix and the tokens
    before.
    """
    words = model.get_input_embeddings()(batch.ids)
    if prefix is None:
        logits: Tensor = model(inputs_embeds=words, attention_mask=batch.mask).logits
        return logits[:, :-1]
    mask = torch.cat([batch.mask.new_ones(prefix.shape[:2]), batch.mask], dim=1)
    joined = torch.cat([prefix, words], dim=1)
    logits = model(inputs_embeds=joined, attention_mask=mask).logits
    return logits[:, prefix.shape[1] : -1]


def weighted_loss(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Return the cross-entropy averaged by weight: logits (B, T, V), ids (B, T), weights (B, T) ->
    scalar.
    """
    losses = functional.cross_entropy(
        logits.float().flatten(0, 1), targets.flatten(), reduction="none"
    )
    flat = weights.flatten()
    return (losses * flat).sum() / flat.sum().clamp(min=1e-6)


def encoder_decoder_batch(
    passages: Sequence[Passage], tokenizer: PreTrainedTokenizerFast, rng: random.Random
) -> tuple[TextBatch, Tensor]:
    """Draw one target segment of each passage for the decoder; the encoder reads all before it.

    Half of the targets with nothing before them are cut at a random place up to their middle, as
    stage 2 does it (prefix language modelling). Returns the encoder's texts and the decoder's
    labels (B, T), IGNORE_INDEX where padded.
    """
    before, targets = [], []
    for passage in passages:
        chosen = rng.choice([i for i, segment in enumerate(passage) if segment.target])
        read, written = "".join(at.text for at in passage[:chosen]), passage[chosen].text.strip()
        words = written.split()
        if not read and len(words) > 1 and rng.random() < 0.5:
            cut = rng.randint(1, len(words) // 2)
            read, written = " ".join(words[:cut]), " ".join(words[cut:])
        before.append(read)
        targets.append(written)
    encoder = tokenizer(before, padding=True, padding_side="right", return_tensors="pt")
    decoder = tokenizer(targets, add_special_tokens=False)["input_ids"]
    labels = nn.utils.rnn.pad_sequence(
        [torch.tensor([*ids, tokenizer.eos_token_id]) for ids in decoder],
        batch_first=True,
        padding_value=IGNORE_INDEX,
    )
    weights = torch.zeros_like(encoder["input_ids"], dtype=torch.float)
    batch = TextBatch(ids=encoder["input_ids"], mask=encoder["attention_mask"], weights=weights)
    return batch, labels


def encoder_decoder_logits(
    model: T5ForConditionalGeneration, prefix: Tensor | None, batch: TextBatch, labels: Tensor
) -> Tensor:
    """Return logits (B, T, V) of every label, given the prefix, the encoder's text and the labels
    before.
    """
    words, mask = model.get_input_embeddings()(batch.ids), batch.mask
    if prefix is not None:
        words = torch.cat([prefix, words], dim=1)
        mask = torch.cat([mask.new_ones(prefix.shape[:2]), mask], dim=1)
    logits: Tensor = model(inputs_embeds=words, attention_mask=mask, labels=labels).logits
    return logits
