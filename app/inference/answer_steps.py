"""The way of one answer through the models, step by step, with the figures of each step."""

from __future__ import annotations

import threading
from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.inference.explain_tasks import ExplainedAnswer, TaskProgress, features_for_matcher
from app.inference.pool import ModelPair
from blip2core.errors import ConfigError

if TYPE_CHECKING:
    from PIL import Image

    from blip2core.explain import Heatmap
    from blip2core.explain.next_words import NextWord
    from blip2core.models import ImageFeatures
    from blip2core.records import Match

WORDS_FOLLOWED = 4
"""Tokens of an answer whose alternatives are shown: the first ones."""
MAPS_SHOWN = 8
"""Queries whose maps are shown: those that the answer drew most from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSizes:
    """How large a generator is."""

    side: int
    """Pixels along each side of the square that the image encoder reads."""
    patch: int
    """Pixels along each side of a patch."""
    encoder_layers: int
    encoder_width: int
    encoder_weights: int
    queries: int
    qformer_layers: int
    cross_layers: int
    """Layers of the Q-Former in which the queries look at the image."""
    qformer_width: int
    qformer_weights: int
    word_width: int
    """Numbers that the language model reads for each word."""
    language_weights: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryMap:
    """Where one query looked in the last layer of the Q-Former that looks at the image."""

    query: int
    share: float
    """Share of this query in what the answer took from the image, 0 to 1."""
    found: Heatmap


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerSteps:
    """An answer, and what happened on the way to it."""

    model: str
    matcher: str
    sizes: ModelSizes
    image_size: tuple[int, int]
    """Width and height of the visitor's image in pixels."""
    grid: tuple[int, int]
    """Rows and columns of patches."""
    explained: ExplainedAnswer
    prompt_tokens: int
    maps: tuple[QueryMap, ...]
    """The largest share first."""
    image_share: float
    """Share of the attention of the answer's tokens that was on the image, the rest on words."""
    match: Match
    """Of the caption: an answer is often a word, of which a matcher has learned nothing."""
    words: tuple[NextWord, ...]
    """The first tokens of the answer."""


def follow_answer(
    pair: ModelPair,
    features: ImageFeatures,
    image: Image.Image,
    explained: ExplainedAnswer,
    caption: str,
    *,
    stop: threading.Event | None,
) -> Generator[TaskProgress, None, None]:
    """Follow an answer through the generator; the result is an `AnswerSteps`.

    The matcher scores `caption`, or the answer where there is none.
    Raises ConfigError where there is no answer, ModelError where the generator has no Q-Former.
    """
    from blip2core.explain.answers import trace_answer
    from blip2core.explain.heatmap import heatmap
    from blip2core.explain.next_words import next_words

    generator, answer = pair.generator, explained.answer
    if not answer:
        raise ConfigError("There is no answer and no caption yet: ask something first.")
    yield TaskProgress(done=0, total=3, what="The answer is read again, word by word")
    # A text is kept without its tokens: whether it began with a space shows in what is likelier.
    spaced = [
        generator.tokenizer(text, add_special_tokens=False).input_ids
        for text in (answer, f" {answer}")
    ]
    read_again = [
        (next_words(generator, features, explained.prompt, tokens), tokens) for tokens in spaced
    ]
    words, tokens = max(read_again, key=lambda one: one[0][0].written.probability)
    yield TaskProgress(done=1, total=3, what="The queries look at the image")
    traced = trace_answer(generator, features, explained.prompt, tokens)
    yield TaskProgress(done=2, total=3, what="The caption is matched with the image")
    read = features_for_matcher(pair, features, image)
    match = pair.matcher.match(read, [caption or answer])[0]
    shares = traced.slots.mean(dim=0)  # (Q,)
    steps = AnswerSteps(
        model=generator.spec.name,
        matcher=pair.matcher.spec.name,
        sizes=model_sizes(generator.model),
        image_size=image.size,
        grid=traced.grid,
        explained=explained,
        prompt_tokens=generator.count_tokens(explained.prompt),
        maps=tuple(
            QueryMap(
                query=query,
                share=float(shares[query]),
                found=heatmap(
                    traced.looks[query], traced.grid, f"query {query}", kind="its attention"
                ),
            )
            for query in shares.argsort(descending=True).tolist()[:MAPS_SHOWN]
        ),
        image_share=float(traced.image_share.mean()),
        match=match,
        words=words[:WORDS_FOLLOWED],
    )
    yield TaskProgress(done=3, total=3, result=steps)


def model_sizes(model: Any) -> ModelSizes:
    """Return the sizes of a BLIP-2 or InstructBLIP of transformers."""
    vision, qformer = model.config.vision_config, model.config.qformer_config
    layers, every = qformer.num_hidden_layers, qformer.cross_attention_frequency
    return ModelSizes(
        side=vision.image_size,
        patch=vision.patch_size,
        encoder_layers=vision.num_hidden_layers,
        encoder_width=vision.hidden_size,
        encoder_weights=_weights(model.vision_model),
        queries=model.config.num_query_tokens,
        qformer_layers=layers,
        cross_layers=len(range(0, layers, every)),
        qformer_width=qformer.hidden_size,
        qformer_weights=_weights(model.qformer),
        word_width=model.language_projection.out_features,
        language_weights=_weights(model.language_model),
    )


def _weights(module: Any) -> int:
    return sum(weight.numel() for weight in module.parameters())
