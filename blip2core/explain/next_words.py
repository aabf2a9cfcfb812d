"""The words that a language model could have written at each place of a text, with their
probabilities.

T tokens of the text, V tokens that the model knows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from blip2core.arguments import check_kind, check_text
from blip2core.errors import ConfigError, ModelError
from blip2core.explain.answers import split_pieces
from blip2core.models import Generator, ImageFeatures
from blip2core.models.vision import check_features


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """A token that could have been written."""

    piece: str
    """What it adds to the text, white space included; empty for the token that ends a text."""
    probability: float
    """From 0 to 1, before temperature and other processing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NextWord:
    """One place of a text."""

    written: Alternative
    """The token that stands there."""
    likeliest: tuple[Alternative, ...]
    """The most probable tokens, the first one the likeliest."""


@torch.no_grad()
def next_words(
    generator: Generator,
    features: ImageFeatures,
    prompt: str,
    tokens: Sequence[int],
    *,
    alternatives: int = 5,
) -> tuple[NextWord, ...]:
    """Return what could have stood at each of T `tokens`, which follow `prompt`.

    One pass of the language model; nothing is written and no image encoded. Raises ModelError
    (features of several images or of another encoder), ConfigError (no tokens), TextError (a prompt
    too long).
    """
    expected = "next_words takes a Generator, such as load_generator() returns"
    check_kind(generator, Generator, expected, ModelError)
    check_features(features, "next_words")
    check_text(prompt, "The prompt")
    check_kind(tokens, (list, tuple), "tokens must be those of a Generated", ConfigError)
    if len(features) != 1 or features.encoder != generator.vision.fingerprint:
        raise ModelError(f"These are not the features of one image made for {generator.spec.name}.")
    if not tokens:
        raise ConfigError("tokens are needed: the text is empty")
    reading = generator.reader.prompt(features.to(generator.device), [prompt], len(tokens)).inputs
    chances = _logits(generator, reading, tokens).float().softmax(dim=-1).cpu()  # (T, V)
    best = chances.topk(min(alternatives, chances.shape[-1]))
    pieces = split_pieces(generator.tokenizer, tokens)
    found = []
    for place, token in enumerate(tokens):
        likeliest = tuple(
            Alternative(
                piece=_piece(generator, tokens[:place], other), probability=min(chance, 1.0)
            )
            for chance, other in zip(
                best.values[place].tolist(), best.indices[place].tolist(), strict=True
            )
        )
        chance = min(float(chances[place, token]), 1.0)
        piece = "" if token in generator.end_tokens else pieces[place]
        written = Alternative(piece=piece, probability=chance)
        found.append(NextWord(written=written, likeliest=likeliest))
    return tuple(found)


def _piece(generator: Generator, before: Sequence[int], token: int) -> str:
    if token in generator.end_tokens:
        return ""
    return split_pieces(generator.tokenizer, [*before, token])[-1]


def _logits(generator: Generator, reading: dict[str, Any], tokens: Sequence[int]) -> Tensor:
    """Return (T, V): what the model says at the places of the tokens."""
    model, reader = generator.language_model, generator.reader
    written = torch.tensor([list(tokens)], device=generator.device)
    if reader.is_encoder_decoder:
        first = written.new_full((1, 1), model.config.decoder_start_token_id)
        known = torch.cat([first, written[:, :-1]], dim=1)
        found: Tensor = model(**reading, decoder_input_ids=known, use_cache=False).logits
        return found[0]
    more = dict(reading)
    if reader.is_blip:
        more["input_ids"] = torch.cat([reading["input_ids"], written], dim=1)
    else:
        before = reading["inputs_embeds"]
        words = model.get_input_embeddings()(written).to(before.dtype)
        more["inputs_embeds"] = torch.cat([before, words], dim=1)
    mask = reading["attention_mask"]
    more["attention_mask"] = torch.cat([mask, mask.new_ones(written.shape)], dim=1)
    found = model(**more, use_cache=False).logits
    return found[0, -1 - len(tokens) : -1]  # a token is told at the place before its own
