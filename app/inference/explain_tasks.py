"""Looking inside: what the engine does for the explorer of one visitor.

Each piece of work yields `Step`s, so that it can be followed and stopped; the last has the result.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.inference.pool import ModelPair
from blip2core.config import DecodeConfig
from blip2core.errors import ConfigError, ModelError

if TYPE_CHECKING:
    from PIL import Image

    from blip2core.explain import Focus, Trace
    from blip2core.explain.answers import AnswerTrace
    from blip2core.models import ImageFeatures

ROUNDS = 5
"""Random Q-Formers that a map is compared with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How far a piece of work is."""

    done: int
    total: int
    what: str = ""
    """What is done now, in words."""
    result: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the language model was asked, and what it wrote."""

    question: str
    """As the visitor put it; empty where the model was to write a caption."""
    prompt: str
    """As the model reads it."""
    answer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is on screen in the explorer of one visitor, for further questions about it."""

    key: str
    """Of the image."""
    trace: Trace
    features: ImageFeatures
    """As the matcher reads them."""
    asked: Asked


def look_inside(
    pair: ModelPair,
    features: ImageFeatures,
    image: Image.Image,
    key: str,
    text: str,
    asked: Asked,
    *,
    stop: threading.Event | None,
) -> Iterator[Step]:
    """What the queries did with an image and a text; the result is a `Seen` and its stack."""
    from blip2core.explain import trace
    from blip2core.explain.stack import explorer_stack

    yield Step(done=0, total=3, what="The queries look at the image")
    read = matched(pair, features, image)
    traced = trace(pair.matcher, read, text, gradients=True)
    yield Step(done=1, total=3, what="The answer is followed word by word")
    answer = _answer_part(pair, features, asked)
    yield Step(done=2, total=3, what="The maps are packed")
    stack = explorer_stack(traced, image, answer=answer)
    seen = Seen(key=key, trace=traced, features=read.to("cpu"), asked=asked)
    yield Step(done=3, total=3, result=(seen, stack))


def matched(pair: ModelPair, features: ImageFeatures, image: Image.Image) -> ImageFeatures:
    """Features for the matcher: the generator's where both share an image encoder."""
    if features.encoder == pair.matcher.vision.fingerprint:
        return features
    return pair.matcher.encode([image])


def _answer_part(pair: ModelPair, features: ImageFeatures, asked: Asked) -> AnswerTrace | None:
    """The answer's words; None where there are none to follow."""
    from blip2core.explain.answers import trace_answer

    if not asked.answer:
        return None
    tokenizer = pair.generator.tokenizer
    # The words as they were written after a prompt: with the space before them.
    tokens = tokenizer(f" {asked.answer}", add_special_tokens=False).input_ids
    try:
        return trace_answer(pair.generator, features, asked.prompt, tokens)
    except ModelError:
        return None  # a generator without a Q-Former


def measure_map(
    pair: ModelPair, seen: Seen, method: str, focus: Focus, *, stop: threading.Event | None
) -> Iterator[Step]:
    """Whether a map shows what counts, and what the model learned; the result is for the page."""
    from blip2core.explain import METHODS
    from blip2core.explain.faithfulness import faithfulness
    from blip2core.explain.sanity import sanity_check

    text = seen.trace.text or ""
    found = METHODS[method](seen.trace, focus)
    measured = faithfulness(pair.matcher, seen.features, text, found, stop=stop)
    result = None
    for step in measured:
        result = step.result
        yield Step(done=step.done, total=step.total + ROUNDS, what="Patches are hidden")
    if result is None:
        return
    checks = sanity_check(
        pair.matcher, seen.features, text, METHODS[method], focus, rounds=ROUNDS, stop=stop
    )
    for check in checks:
        done = len(result.shown) + len(check.correlations)
        what = "The map is made again with random weights"
        yield Step(done=done, total=len(result.shown) + ROUNDS, what=what)
    yield Step(
        done=1,
        total=1,
        result={
            "map": found.title,
            "shown": result.shown,
            "deletion": result.deletion,
            "insertion": result.insertion,
            "random": result.random,
            "verdict": result.verdict,
            "better": result.deletes_better or result.inserts_better,
            "sanity": check.verdict,
        },
    )


def ask_without(
    pair: ModelPair,
    features: ImageFeatures,
    seen: Seen,
    hidden: Collection[int],
    decode: DecodeConfig,
    *,
    stop: threading.Event | None,
) -> Iterator[Step]:
    """Answer and scores with the whole image, then without some patches of it."""
    from blip2core.explain.occlusion import hide_patches

    grid, text = seen.trace.grid, seen.trace.text or ""
    sides = []
    for at, patches in enumerate([(), hidden]):
        what = "The whole image is asked" if at == 0 else "The rest of the image is asked"
        yield Step(done=at, total=2, what=what)
        left = hide_patches(features, patches, grid) if patches else features
        with closing(
            pair.generator.stream(left, seen.asked.prompt, decode=decode, stop=stop)
        ) as words:
            answer = ""
            for answer in words:
                yield Step(done=at, total=2, what=f"{what}: {answer}")
        read = hide_patches(seen.features, patches, grid) if patches else seen.features
        match = pair.matcher.match(read, [text])[0]
        sides.append({"answer": answer, "itm": match.itm, "itc": match.itc})
    before, after = sides
    result = {
        "question": seen.asked.question,
        "text": text,
        "hidden": len(hidden),
        "patches": grid[0] * grid[1],
        "before": before,
        "after": after,
    }
    yield Step(done=2, total=2, result=result)


def focus_of(trace: Trace, shown: Any) -> tuple[str, Focus]:
    """What the browser says is on screen -> method and focus. ConfigError where it cannot be."""
    from blip2core.explain import METHODS, Focus

    if not isinstance(shown, dict):
        raise ConfigError("the map on screen is not known")
    if shown.get("text") == "answer":
        raise ConfigError(
            "the words of an answer cannot be tested: the score is that of the text. "
            "Choose a word of the text, or a query"
        )
    if shown.get("text") == "text":
        return "words", Focus(word=_index(shown.get("token"), len(trace.words)))
    signal = shown.get("signal")
    if signal == "attention":
        layer = _index(shown.get("layer"), len(trace.layers))
        return "cross-attention", Focus(
            query=_index(shown.get("query"), trace.queries),
            layer=None if layer is None else trace.layers[layer],
            head=_index(shown.get("head"), trace.heads),
        )
    if signal == "rollout":
        return "rollout", Focus(query=_index(shown.get("query"), trace.queries))
    if not isinstance(signal, str) or signal not in METHODS:
        raise ConfigError("the map on screen is not known")
    return signal, Focus()


def patches_of(trace: Trace, sent: Any) -> list[int]:
    """Patches that the browser says are hidden. ConfigError where they cannot be."""
    total = trace.grid[0] * trace.grid[1]
    patches = sent.get("patches") if isinstance(sent, dict) else None
    if not isinstance(patches, list) or not patches:
        raise ConfigError("no patches are hidden: press or drag over some first")
    if any(type(patch) is not int or not 0 <= patch < total for patch in patches):
        raise ConfigError(f"patches are numbers from 0 to {total - 1}")
    return sorted(set(patches))


def _index(value: Any, count: int) -> int | None:
    """A place from 0 to count - 1, or -1 for the mean of all: None."""
    if type(value) is not int or not -1 <= value < count:
        raise ConfigError("the map on screen is not known")
    return None if value == -1 else value
