"""Captions with their scores: what the engine does for them, and what is made of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from threading import Event
from typing import TYPE_CHECKING, Any

from app.inference.decoding import describe, seeded
from app.inference.engine import Engine
from app.inference.pool import ModelPair
from blip2core.config import DecodeConfig
from blip2core.errors import ConfigError, TextError
from blip2core.models.specs import ModelSpec
from blip2core.records import Generated, Match

if TYPE_CHECKING:
    from blip2core.models.vision import ImageFeatures

MOST_CAPTIONS = 8
"""Captions of one image that can be asked for at once."""
LONGEST_PROMPT = 300
"""Characters that a caption can be asked to begin with."""
TEXTS_AT_ONCE = 16
"""Texts scored between two looks at whether somebody still waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionRequest:
    """What a visitor wants written."""

    num: int = 1
    """Captions of an image; those that come out equal are merged."""
    prompt: str = ""
    """How each caption shall begin; empty is the model's own way to ask for one."""
    decode: DecodeConfig = DecodeConfig()


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredCaption:
    """A text about an image, perhaps written several times, perhaps not scored yet."""

    text: str
    times: int = 1
    """How many of the texts written were this one."""
    tokens: int = 0
    """New tokens, end token included."""
    logprob: float | None = None
    """Mean of the natural log-probabilities of its tokens."""
    itm: float | None = None
    itc: float | None = None
    truncated: bool = False
    """Only its beginning was scored, for the matcher reads no more."""
    stopped: bool = False
    """The visitor pressed Stop before it was finished."""


def captions_of(
    engine: Engine,
    model: str,
    seen: Sequence[ImageFeatures],
    order: CaptionRequest,
    stop: Event,
) -> Iterator[list[ScoredCaption]]:
    """The captions of one image as they grow, then merged, then with scores, likeliest first.

    `seen` are its features, for the captioner and for the matcher. What is stopped is not scored.
    """
    features, for_matcher = seen
    spec, texts = engine.pair(model).spec, []
    written = engine.each(write_captions, model, features, order, stop=stop)
    with closing(written):
        for texts in written:
            yield [_caption(text.text, text) for text in texts]
    captions = merge_equal(texts, order.prompt if goes_on(spec) else "")
    yield captions
    words = [caption.text for caption in captions if caption.text]
    fits = engine.each(score_texts, model, for_matcher, words, stop=stop)
    with closing(fits):
        for matches in fits:
            if len(matches) == len(words):
                yield scored(captions, matches)


def possible(order: CaptionRequest) -> CaptionRequest:
    """The nearest order that the decoding mode can fill: greedy has one text to give, and beam
    search as many as it has beams."""
    if order.decode.mode == "greedy":
        return replace(order, num=1)
    if order.decode.mode == "beam" and order.decode.beams < order.num:
        return replace(order, decode=replace(order.decode, beams=order.num))
    return order


def caption_request_from(num: Any, prompt: Any, decode: DecodeConfig) -> CaptionRequest:
    """What the page sends -> an order that can be filled, a seed drawn where one is needed.

    ConfigError or TextError says what is out of its range.
    """
    words = " ".join(str(prompt or "").split())
    if len(words) > LONGEST_PROMPT:
        raise TextError(f"A caption can begin with at most {LONGEST_PROMPT} characters.")
    if num is None or not 1 <= int(num) <= MOST_CAPTIONS:
        raise ConfigError(f"The number of captions ({num}) must be from 1 to {MOST_CAPTIONS}.")
    return possible(CaptionRequest(num=int(num), prompt=words, decode=seeded(decode)))


def progress_of(captions: Sequence[ScoredCaption], order: CaptionRequest) -> tuple[int, int, str]:
    """How far captions are: done, of how many, and in words."""
    most = order.decode.max_new_tokens
    if any(caption.logprob is None for caption in captions):
        tokens = max(caption.tokens for caption in captions)
        return tokens, most, f"Writing: {tokens} of at most {most} tokens"
    return most, most, "Scoring"


def words_for(order: CaptionRequest) -> str:
    """An order in words a visitor reads."""
    begins = f", beginning with “{order.prompt}”" if order.prompt else ""
    return f"{describe(order.decode)}{begins}"


def write_captions(
    pair: ModelPair, features: ImageFeatures, order: CaptionRequest, *, stop: Event | None
) -> Iterator[list[Generated]]:
    """Done by the engine: the captions of one image as they grow; the prompt is read once."""
    writing = pair.generator.stream_captions(
        features, prompt=order.prompt or None, num=order.num, decode=order.decode, stop=stop
    )
    with closing(writing) as steps:
        yield from steps


def score_texts(
    pair: ModelPair, features: ImageFeatures, texts: Sequence[str], *, stop: Event | None
) -> Iterator[list[Match]]:
    """Done by the engine: how well each text fits one image, in their order; all so far."""
    found: list[Match] = []
    for start in range(0, len(texts), TEXTS_AT_ONCE):
        if stop is not None and stop.is_set():
            return
        found += pair.matcher.match(features, texts[start : start + TEXTS_AT_ONCE])
        yield list(found)


def goes_on(spec: ModelSpec) -> bool:
    """Whether a model's text goes on from the prompt's words; others answer to it."""
    return spec.language in ("opt", "bert") and spec.family != "instructblip"


def merge_equal(texts: Sequence[Generated], begun: str = "") -> list[ScoredCaption]:
    """One caption for each different text, in the order they were written.

    `begun` is what all of them went on from, and so a part of them.
    """
    found: dict[str, ScoredCaption] = {}
    for text in texts:
        whole = f"{begun} {text.text}".strip()
        known = found.get(whole)
        found[whole] = replace(known, times=known.times + 1) if known else _caption(whole, text)
    return list(found.values())


def _caption(whole: str, text: Generated) -> ScoredCaption:
    logprobs = text.logprobs
    return ScoredCaption(
        text=whole,
        tokens=len(text.tokens),
        logprob=sum(logprobs) / len(logprobs) if logprobs else None,
        stopped=text.stopped,
    )


def scored(captions: Sequence[ScoredCaption], matches: Sequence[Match]) -> list[ScoredCaption]:
    """The captions with what the matcher says of them, likeliest first.

    `matches` belong to the captions that have words, in their order; the others come last.
    """
    fits = iter(matches)
    known = []
    for caption in captions:
        if caption.text:
            fit = next(fits)
            caption = replace(caption, itm=fit.itm, itc=fit.itc, truncated=fit.truncated)
        known.append(caption)
    return sorted(known, key=lambda c: (c.itm is None, -(c.itm or 0.0), -(c.itc or 0.0)))
