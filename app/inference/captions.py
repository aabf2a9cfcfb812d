"""Captions of one image with their scores: what a visitor asks for, and how it is computed."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from threading import Event
from typing import TYPE_CHECKING, Any

from app.inference.decoding import describe_decoding, seeded, whole_number
from app.inference.engine import Engine
from app.inference.features import PairFeatures
from app.inference.pool import ModelPair
from blip2core.config import DecodeConfig
from blip2core.errors import ConfigError, TextError
from blip2core.models.prompt_words import begun
from blip2core.models.specs import ModelSpec, PromptTemplate
from blip2core.records import Generated, Match

if TYPE_CHECKING:
    from blip2core.models.vision import ImageFeatures

MOST_CAPTIONS = 8
"""Captions of one image that can be asked for at once."""
LONGEST_PROMPT = 300
"""Characters that a caption can be asked to begin with."""
TEXTS_AT_ONCE = 16
"""Texts scored at once; between two such batches it is checked whether somebody still waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionRequest:
    """How many captions a visitor asks for, and how they are written."""

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
    cut_off: bool = False
    """The limit of tokens ended it."""


def caption_and_score(
    engine: Engine,
    model: str,
    features: PairFeatures,
    request: CaptionRequest,
    stop: Event,
) -> Generator[list[ScoredCaption], None, None]:
    """Yield the captions of one image as they grow, then merged, then scored, likeliest first.

    Captions that were stopped are not scored.
    """
    spec = engine.pair(model).spec
    texts: list[Generated] = []
    written = engine.each(stream_captions, model, features.generator, request, stop=stop)
    with closing(written):
        for texts in written:
            yield [_caption(text.text, text) for text in texts]
    captions = merge_equal(texts, request.prompt if continues_prompt(spec) else "")
    yield captions
    words = [caption.text for caption in captions if caption.text]
    scores = engine.each(score_texts, model, features.matcher, words, stop=stop)
    with closing(scores):
        for matches in scores:
            if len(matches) == len(words):
                yield with_scores(captions, matches)


def fit_to_mode(request: CaptionRequest) -> CaptionRequest:
    """Return the nearest request that the decoding mode can fill.

    Greedy decoding has one text to give, and beam search as many as it has beams.
    """
    if request.decode.mode == "greedy":
        return replace(request, num=1)
    if request.decode.mode == "beam" and request.decode.beams < request.num:
        return replace(request, decode=replace(request.decode, beams=request.num))
    return request


def caption_request_from(
    num: Any, prompt: Any, decode: DecodeConfig, template: PromptTemplate
) -> CaptionRequest:
    """Return a request from the values that the page sends, with a seed where one is needed, and
    the prompt as a model of this template reads it.

    Raises ConfigError or TextError where a value is out of its range.
    """
    words = begun(str(prompt or ""), template)
    if len(words) > LONGEST_PROMPT:
        raise TextError(f"A caption can begin with at most {LONGEST_PROMPT} characters.")
    number = whole_number("The number of captions", num)
    if not 1 <= number <= MOST_CAPTIONS:
        raise ConfigError(f"The number of captions ({number}) must be from 1 to {MOST_CAPTIONS}.")
    return fit_to_mode(CaptionRequest(num=number, prompt=words, decode=seeded(decode)))


def progress_of(captions: Sequence[ScoredCaption], request: CaptionRequest) -> tuple[int, int, str]:
    """Return how far captions are: tokens written, tokens at most, and both in words."""
    most = request.decode.max_new_tokens
    if any(caption.logprob is None for caption in captions):
        tokens = max(caption.tokens for caption in captions)
        return tokens, most, f"Writing: {tokens} of at most {most} tokens"
    return most, most, "Scoring"


def describe_request(request: CaptionRequest) -> str:
    """Return the settings of a request in words for the visitor."""
    begins = f", beginning with “{request.prompt}”" if request.prompt else ""
    return f"{describe_decoding(request.decode)}{begins}"


def stream_captions(
    pair: ModelPair, features: ImageFeatures, request: CaptionRequest, *, stop: Event | None
) -> Generator[list[Generated], None, None]:
    """Yield all captions of one image as they grow; the engine runs this.

    The language model reads the prompt once for all of them.
    """
    return pair.generator.stream_captions(
        features, prompt=request.prompt or None, num=request.num, decode=request.decode, stop=stop
    )


def score_texts(
    pair: ModelPair, features: ImageFeatures, texts: Sequence[str], *, stop: Event | None
) -> Generator[list[Match], None, None]:
    """Yield the scores of all texts so far, in their order; the engine runs this."""
    found: list[Match] = []
    for start in range(0, len(texts), TEXTS_AT_ONCE):
        if stop is not None and stop.is_set():
            return
        found += pair.matcher.match(features, texts[start : start + TEXTS_AT_ONCE])
        yield list(found)


def continues_prompt(spec: ModelSpec) -> bool:
    """Return whether a model's text continues the words of the prompt; others answer to it."""
    return spec.language in ("opt", "bert") and spec.family != "instructblip"


def merge_equal(texts: Sequence[Generated], beginning: str = "") -> list[ScoredCaption]:
    """Return one caption for each different text, in the order they were written.

    `beginning` are the words of the prompt that each text continues, and so a part of each caption.
    """
    found: dict[str, ScoredCaption] = {}
    for text in texts:
        whole = f"{beginning} {text.text}".strip()
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
        cut_off=text.cut_off,
    )


def with_scores(captions: Sequence[ScoredCaption], matches: Sequence[Match]) -> list[ScoredCaption]:
    """Return the captions with their scores, likeliest first.

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
