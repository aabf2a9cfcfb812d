"""Decoding of a prepared prompt: greedy, nucleus sampling, beam search, Stop.

B prompts, K texts of each, T new tokens, S prompt positions, D width.
"""

import random
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from inspect import signature
from threading import Event
from typing import Any

import torch
from torch import Tensor
from transformers import (
    DynamicCache,
    LogitsProcessor,
    LogitsProcessorList,
    StoppingCriteria,
    StoppingCriteriaList,
    TemperatureLogitsWarper,
    TopPLogitsWarper,
)
from transformers.modeling_outputs import BaseModelOutput

from blip2core.config import DecodeConfig, check_number
from blip2core.errors import ConfigError
from blip2core.models.turn_words import TurnWords


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedPrompt:
    """What the language model is conditioned on, one row for each text to write."""

    inputs: dict[str, Any]
    """Keyword arguments of the language model's `generate`."""
    skip: int = 0
    """Positions in front of the new tokens in what `generate` returns."""
    standing: int = 0
    """Tokens in front that are the beginning of the text itself, which goes on from there."""

    def repeat(self, times: int) -> "PreparedPrompt":
        """Repeat each row `times` times, side by side."""
        return replace(self, inputs={k: _repeat(v, times) for k, v in self.inputs.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """New tokens of one text."""

    tokens: tuple[int, ...]
    logprobs: tuple[float, ...] | None
    stopped: bool
    cut_off: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """How to write: settings of one call, beside the prompt."""

    decode: DecodeConfig
    end_tokens: tuple[int, ...]
    pad_token: int
    num: int = 1
    """Texts for each prompt."""
    seeds: Sequence[int] | None = None
    """One for each prompt, in place of `decode.seed`; sample only."""
    logprobs: bool = False
    turn_words: TurnWords | None = None
    """A text ends before them."""
    stops: tuple[Event, ...] = ()
    """Any of them ends the writing within one token."""
    report: Callable[[list[list[int]]], None] | None = None
    """Called after each step with the tokens of all rows so far (of the beams, the leading one
    first); rows that ended are padded."""


def write(language_model: Any, prompt: PreparedPrompt, writing: Writing) -> list[list[Written]]:
    """Generate K texts for each of B prompts, in one pass over the prompts however large K is."""
    decode, num = writing.decode, writing.num
    check_number(num, decode)
    beam = decode.mode == "beam"
    copies = decode.beams if beam else num
    if copies > 1:
        prompt = _prefill(language_model, prompt, copies)
    rows = prompt if beam else prompt.repeat(num)
    watch = _Watch(writing, rows.skip)
    result = language_model.generate(
        **rows.inputs,
        max_new_tokens=decode.max_new_tokens,
        min_new_tokens=decode.min_new_tokens,
        do_sample=False,  # sampling happens in Sampler, with draws of its own
        **(_beam_settings(writing) if beam else {}),
        repetition_penalty=float(decode.repetition_penalty),
        eos_token_id=list(writing.end_tokens) or None,
        pad_token_id=writing.pad_token,
        logits_processor=LogitsProcessorList(
            [*_without_openers(writing, rows), *_sampling(writing, rows)]
        ),
        stopping_criteria=StoppingCriteriaList([watch]),
        return_dict_in_generate=True,
        output_logits=writing.logprobs,
    )
    texts = _cut(language_model, result, writing, watch, rows.skip)
    return [texts[start : start + num] for start in range(0, len(texts), num)]


def _beam_settings(writing: Writing) -> dict[str, Any]:
    return {
        "num_beams": writing.decode.beams,
        "num_return_sequences": writing.num,
        "length_penalty": writing.decode.length_penalty,
    }


def positions(mask: Tensor) -> Tensor:
    """Return (B, S) positions that do not count padding, of an attention mask (B, S)."""
    return (mask.long().cumsum(dim=1) - 1).clamp(min=0)


def _prefill(language_model: Any, prompt: PreparedPrompt, copies: int) -> PreparedPrompt:
    """Run the language model over all but the last position of B prompts, then repeat its cache.

    `generate` continues from the cache: it embeds nothing of what the cache covers, and its
    first step has one position for each of the B * copies rows.
    """
    embeds, mask = prompt.inputs.get("inputs_embeds"), prompt.inputs["attention_mask"]
    if embeds is None or embeds.shape[1] < 2:
        return prompt  # encoder-decoder: the encoder ran once already; BLIP: a handful of tokens
    cache = DynamicCache(config=language_model.config)
    language_model(
        inputs_embeds=embeds[:, :-1],
        attention_mask=mask[:, :-1],
        position_ids=positions(mask)[:, :-1],
        **{cache_keyword(language_model.forward): cache},
        use_cache=True,
        logits_to_keep=1,
    )
    cache.batch_repeat_interleave(copies)
    keyword = cache_keyword(language_model.prepare_inputs_for_generation)
    return replace(prompt, inputs=prompt.inputs | {keyword: cache})


def cache_keyword(function: Callable[..., Any]) -> str:
    """Return what `function` calls the cache of keys and values; transformers 5.24 shortened the
    name.
    """
    return "cache" if "cache" in signature(function).parameters else "past_key_values"


def _repeat(value: Any, times: int) -> Any:
    if times == 1 or isinstance(value, DynamicCache):  # _prefill repeated the cache
        return value
    if isinstance(value, BaseModelOutput):
        return BaseModelOutput(value.last_hidden_state.repeat_interleave(times, dim=0))
    return value.repeat_interleave(times, dim=0)


class _Watch(StoppingCriteria):  # type: ignore[misc]
    """Ends all rows once an event is set, and a row where the words of a new turn begin; reports
    their tokens after each step.
    """

    def __init__(self, writing: Writing, skip: int) -> None:
        self.writing, self.skip = writing, skip
        self.stopped = False

    def __call__(self, input_ids: Tensor, scores: Any, **_: Any) -> Tensor:
        new, writing = input_ids[:, self.skip :], self.writing
        if writing.report is not None:
            writing.report(new.tolist())
        self.stopped = self.stopped or any(stop.is_set() for stop in writing.stops)
        if self.stopped or writing.turn_words is None:
            return torch.full((len(new),), self.stopped, device=new.device)
        return writing.turn_words.ended(new, sampled=writing.decode.mode == "sample")


class _NotFirst(LogitsProcessor):  # type: ignore[misc]
    """Keeps some tokens from being the first new one."""

    def __init__(self, tokens: Sequence[int]) -> None:
        self.tokens: Sequence[int] = tokens

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        tokens, self.tokens = self.tokens, ()
        if not tokens:
            return scores
        return scores.index_fill(1, torch.tensor(tokens, device=scores.device), -torch.inf)


def _without_openers(writing: Writing, rows: PreparedPrompt) -> list[LogitsProcessor]:
    """Return what keeps a text from beginning with the words of a new turn."""
    openers = writing.turn_words.openers if writing.turn_words else ()
    return [] if rows.standing or not openers else [_NotFirst(openers)]


class Sampler(LogitsProcessor):  # type: ignore[misc]
    """Draws each row's token with that row's own numbers by giving all others probability 0.

    The numbers are drawn beforehand, so neither the global random state nor the other rows of a
    batch have a part in the text.
    """

    def __init__(self, draws: Tensor) -> None:
        self.draws = draws  # (B * K, T) in (0, 1)
        self.step = 0

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        heights = scores.softmax(dim=-1).cumsum(dim=-1)  # (B * K, vocabulary)
        drawn = self.draws[:, self.step, None] * heights[:, -1:]
        self.step += 1
        chosen = (heights < drawn).sum(dim=-1, keepdim=True)
        return torch.full_like(scores, -torch.inf).scatter(1, chosen, 0.0)


def _sampling(writing: Writing, rows: PreparedPrompt) -> list[LogitsProcessor]:
    """Return the processors of nucleus sampling; none in the other modes.

    A text that goes on has the numbers that it would have had in one go.
    """
    decode, mask = writing.decode, rows.inputs["attention_mask"]
    if decode.mode != "sample":
        return []
    first, last = rows.standing, rows.standing + decode.max_new_tokens
    seeds = _seeds(writing, prompts=mask.shape[0] // writing.num)
    numbers = [random.Random(f"{seed} {k}") for seed in seeds for k in range(writing.num)]
    draws = [[source.random() for _ in range(last)][first:] for source in numbers]
    # Open at both ends: a number of exactly 0 or 1 could choose a token of probability 0.
    uniform = torch.tensor(draws, device=mask.device).clamp(1e-7, 1 - 1e-7)
    processors = [
        # A slider at 1 sends the integer, which transformers refuses.
        TemperatureLogitsWarper(float(decode.temperature)),
        TopPLogitsWarper(float(decode.top_p)),
    ]
    return [*processors, Sampler(uniform)]


def _seeds(writing: Writing, prompts: int) -> Sequence[int]:
    """Return a seed for each prompt."""
    if writing.seeds is not None:
        if len(writing.seeds) != prompts:
            raise ConfigError(f"seeds ({len(writing.seeds)}) must be one for each of {prompts}")
        return writing.seeds
    if writing.decode.seed is not None:
        return [writing.decode.seed] * prompts
    return [secrets.randbits(63) for _ in range(prompts)]


def _cut(
    language_model: Any, result: Any, writing: Writing, watch: _Watch, skip: int
) -> list[Written]:
    """Cut the rows of `generate` to new tokens up to and with the end token, without padding; or to
    those before the words of a new turn.
    """
    scores: list[list[float]] | None = None
    if writing.logprobs:
        beams = getattr(result, "beam_indices", None)
        scores = language_model.compute_transition_scores(
            result.sequences, result.logits, beams, normalize_logits=True
        ).tolist()
    ends, sampled = set(writing.end_tokens), writing.decode.mode == "sample"
    texts = []
    for row, tokens in enumerate(result.sequences[:, skip:].tolist()):
        length = next((i + 1 for i, token in enumerate(tokens) if token in ends), len(tokens))
        has_ended, is_full = tokens[length - 1] in ends, length == writing.decode.max_new_tokens
        if writing.turn_words is not None:
            before = writing.turn_words.length_before(tokens[:length], sampled=sampled)
            if before is not None:
                has_ended, length = True, before
        texts.append(
            Written(
                tokens=tuple(tokens[:length]),
                logprobs=None if scores is None else tuple(scores[row][:length]),
                stopped=watch.stopped and not has_ended and not is_full,
                cut_off=is_full and not has_ended,
            )
        )
    return texts
