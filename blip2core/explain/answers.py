"""Attribution of a generated token to the image: token -> soft prompt slot -> patch.

The language model reads the image as Q slots, the outputs of the queries, and what a slot is
made of shows in the Q-Former's cross-attention. T tokens of the answer, S positions the language
model reads (slots first), P patches without the class token.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from blip2core.arguments import check_kind, check_text
from blip2core.errors import ConfigError, ModelError
from blip2core.explain.capture import Capture, capture_attention
from blip2core.explain.heatmap import Heatmap, heatmap
from blip2core.explain.trace import patch_grid, split_passes
from blip2core.models import Generator, ImageFeatures
from blip2core.models.prompt_inputs import Reader
from blip2core.models.vision import check_features


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerTrace:
    """One answer about one image, with the attribution of each token to the image."""

    model: str
    prompt: str
    tokens: tuple[int, ...]
    pieces: tuple[str, ...]
    """What each token adds to the text, white space included."""
    grid: tuple[int, int]
    slots: Tensor
    """(T, Q): share of each slot in the token's attention to the image; rows sum to 1."""
    image_share: Tensor
    """(T,): share of the token's attention that was on the slots; the rest was on the prompt's
    words."""
    looks: Tensor
    """(Q, P): cross-attention of the query of each slot, in the last layer that has it."""

    def token_map(self, token: int) -> Heatmap:
        """Return the map of one token. Raises ConfigError where the answer is not so long."""
        if not 0 <= token < len(self.tokens):
            raise ConfigError(f"token ({token}) must be from 0 to {len(self.tokens) - 1}")
        name = f'token {token} "{self.pieces[token].strip()}"'
        return heatmap(self.slots[token] @ self.looks, self.grid, name)


@torch.no_grad()
def trace_answer(
    generator: Generator, features: ImageFeatures, prompt: str, tokens: Sequence[int]
) -> AnswerTrace:
    """Record the attention of each token of an answer, `Generated.tokens` to `prompt`.

    Takes one image's features; no text is generated and no image encoded. Raises ModelError
    (a generator without a Q-Former, features of several images or of another encoder), ConfigError
    (an answer without tokens), TextError (a prompt too long).
    """
    expected = "trace_answer takes a Generator, such as load_generator() returns"
    check_kind(generator, Generator, expected, ModelError)
    check_features(features, "trace_answer")
    check_text(prompt, "The prompt")
    check_kind(tokens, (list, tuple), "tokens must be those of a Generated", ConfigError)
    if generator.reader.is_blip:
        raise ModelError(f"{generator.spec.name} has no Q-Former to look into.")
    if len(features) != 1 or features.encoder != generator.vision.fingerprint:
        raise ModelError(f"These are not the features of one image made for {generator.spec.name}.")
    if not tokens:
        raise ConfigError("tokens are needed: the answer is empty")
    model = generator.model
    grid, class_token = patch_grid(model.vision_model, features.vision.shape[1])
    unread = replace(features.to(generator.device), queries=None, reader=None)
    with capture_attention(model, shared=[model.vision_model]) as capture:
        reader = _reader_of(capture.model, generator.reader)
        reading = reader.prompt(unread, [prompt], len(tokens)).inputs
        read = _read_back if reader.is_encoder_decoder else _continue
        seen, maps = read(capture, reading, tokens)
    queries = model.config.num_query_tokens
    cross, _ = split_passes({k: v for k, v in maps.items() if k.startswith("qformer.")})
    looks = cross[max(cross)][0].float().mean(dim=0)[:queries, int(class_token) :].cpu()
    slots = seen[:, :queries]
    return AnswerTrace(
        model=generator.spec.name,
        prompt=prompt,
        tokens=tuple(tokens),
        pieces=split_pieces(generator.tokenizer, tokens),
        grid=grid,
        slots=slots / slots.sum(dim=1, keepdim=True).clamp(min=1e-30),
        image_share=slots.sum(dim=1),
        looks=looks,
    )


def _reader_of(model: Any, original: Reader) -> Reader:
    """Return the reader of a copied model; its fingerprint need not be taken again."""
    reader = copy.copy(original)
    reader.model, reader.language_model = model, model.language_model
    return reader


def _continue(
    capture: Capture, reading: Mapping[str, Any], tokens: Sequence[int]
) -> tuple[Tensor, dict[str, Tensor]]:
    """Read the attention of a decoder: a token's row is one position before its own, where it was
    predicted.
    """
    language_model = capture.model.language_model
    before, mask = reading["inputs_embeds"], reading["attention_mask"]
    written = torch.tensor([list(tokens)], device=before.device)
    words = language_model.get_input_embeddings()(written)
    language_model(
        inputs_embeds=torch.cat([before, words.to(before.dtype)], dim=1),
        attention_mask=torch.cat([mask, mask.new_ones(written.shape)], dim=1),
        use_cache=False,
    )
    maps = capture.take()
    layers = [_heads_mean(one) for name, one in maps.items() if name.startswith("language_model.")]
    rows = slice(before.shape[1] - 1, before.shape[1] - 1 + len(tokens))
    return torch.stack(layers).mean(dim=0)[rows], maps


def _read_back(
    capture: Capture, reading: Mapping[str, Any], tokens: Sequence[int]
) -> tuple[Tensor, dict[str, Tensor]]:
    """Read the cross-attention of an encoder-decoder's decoder to each position of its encoder.

    What the encoder moved between positions is left out: followed through its layers, tokens
    pointed less well (docs/explaining.md).
    """
    language_model = capture.model.language_model
    device = reading["attention_mask"].device
    start = language_model.config.decoder_start_token_id
    language_model(
        **reading,
        decoder_input_ids=torch.tensor([[start, *tokens[:-1]]], device=device),
        use_cache=False,
    )
    maps = capture.take()
    taken = [_heads_mean(one) for name, one in maps.items() if "EncDecAttention" in name]
    return torch.stack(taken).mean(dim=0), maps


def _heads_mean(weights: Tensor) -> Tensor:
    """Return the mean over heads, (1, H, N, M) -> (N, M), float32 on the CPU."""
    return weights[0].float().mean(dim=0).cpu()


def split_pieces(tokenizer: Any, tokens: Sequence[int]) -> tuple[str, ...]:
    """Return what each token adds to the decoded text; the pieces join to the whole.

    A token that is only a part of a character adds nothing, the one that completes it all.
    """
    pieces, shown = [], ""
    for end in range(1, len(tokens) + 1):
        text: str = tokenizer.decode(list(tokens[:end]))
        partial = text.endswith("\N{REPLACEMENT CHARACTER}") and end < len(tokens)
        pieces.append("" if partial else text[len(shown) :])
        shown = shown if partial else text
    return tuple(pieces)
