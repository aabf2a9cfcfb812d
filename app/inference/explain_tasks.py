"""What the engine runs for the explorer: trace an image and a text, test a map, hide patches.

Each function yields `TaskProgress`, so that a visitor can follow and stop it; the last one holds
the result.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Generator
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
class TaskProgress:
    """How far a piece of work is."""

    done: int
    total: int
    what: str = ""
    """What is done now, in words."""
    result: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedAnswer:
    """A question with its answer, whose words the explorer follows through the model."""

    question: str
    """As the visitor put it; empty where the model was to write a caption."""
    prompt: str
    """As the model reads it."""
    answer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What the explorer of one visitor shows, kept for further questions about it."""

    key: str
    """Key of the image, see `ChatImage.key`."""
    trace: Trace
    features: ImageFeatures
    """Of the image, as the matcher reads them."""
    explained: ExplainedAnswer


def inspect_image(
    pair: ModelPair,
    features: ImageFeatures,
    image: Image.Image,
    key: str,
    text: str,
    explained: ExplainedAnswer,
    *,
    stop: threading.Event | None,
) -> Generator[TaskProgress, None, None]:
    """Trace what the Q-Former's queries did with an image and a text.

    The result is a pair: an `Inspection`, and the stack of maps that the explorer draws.
    """
    from blip2core.explain import trace
    from blip2core.explain.stack import explorer_stack

    yield TaskProgress(done=0, total=3, what="The queries look at the image")
    read = features_for_matcher(pair, features, image)
    traced = trace(pair.matcher, read, text, gradients=True)
    yield TaskProgress(done=1, total=3, what="The answer is followed word by word")
    answer = _trace_answer(pair, features, explained)
    yield TaskProgress(done=2, total=3, what="The maps are packed")
    stack = explorer_stack(traced, image, answer=answer)
    inspection = Inspection(key=key, trace=traced, features=read.to("cpu"), explained=explained)
    yield TaskProgress(done=3, total=3, result=(inspection, stack))


def features_for_matcher(
    pair: ModelPair, features: ImageFeatures, image: Image.Image
) -> ImageFeatures:
    """Return the features that the matcher reads: the generator's where both share an encoder."""
    if features.encoder == pair.matcher.vision.fingerprint:
        return features
    return pair.matcher.encode([image])


def _trace_answer(
    pair: ModelPair, features: ImageFeatures, explained: ExplainedAnswer
) -> AnswerTrace | None:
    """Return the trace of an answer's words; None where there is no answer or no Q-Former."""
    from blip2core.explain.answers import trace_answer

    if not explained.answer:
        return None
    # The words as they were written after a prompt.
    tokens = pair.generator.reader.standing_ids(explained.prompt, explained.answer)
    try:
        return trace_answer(pair.generator, features, explained.prompt, tokens)
    except ModelError:
        return None  # a generator without a Q-Former


def measure_map(
    pair: ModelPair,
    inspection: Inspection,
    method: str,
    focus: Focus,
    *,
    stop: threading.Event | None,
) -> Generator[TaskProgress, None, None]:
    """Measure how faithful a map is, and how much of it random weights would show too.

    The result is a dictionary for the page. A map that is not to be read is not compared with those
    of random weights: that it differs from them would speak for it.
    """
    from blip2core.explain import METHODS
    from blip2core.explain.faithfulness import faithfulness
    from blip2core.explain.sanity import sanity_check

    text = inspection.trace.text or ""
    found = METHODS[method](inspection.trace, focus)
    measured = faithfulness(pair.matcher, inspection.features, text, found, stop=stop)
    result = None
    for step in measured:
        result = step.result
        yield TaskProgress(done=step.done, total=step.total + ROUNDS, what="Patches are hidden")
    if result is None:
        return
    check = None
    checks = sanity_check(
        pair.matcher, inspection.features, text, METHODS[method], focus, rounds=ROUNDS, stop=stop
    )
    for check in checks if result.is_beyond_chance else ():
        done = len(result.shown) + len(check.correlations)
        what = "The map is made again with random weights"
        yield TaskProgress(done=done, total=len(result.shown) + ROUNDS, what=what)
    yield TaskProgress(
        done=1,
        total=1,
        result={
            "map": found.title,
            "shown": result.shown,
            "deletion": result.deletion,
            "insertion": result.insertion,
            "random": result.random,
            "verdict": result.verdict,
            "good": result.shows_what_counts and check is not None and check.depends_on_weights,
            "sanity": "" if check is None else check.verdict,
        },
    )


def answer_without_patches(
    pair: ModelPair,
    features: ImageFeatures,
    inspection: Inspection,
    hidden: Collection[int],
    decode: DecodeConfig,
    *,
    stop: threading.Event | None,
) -> Generator[TaskProgress, None, None]:
    """Answer a question and score a text, with the whole image and without some of its patches.

    The result is a dictionary for the page.
    """
    from blip2core.explain.occlusion import hide_patches

    grid, text = inspection.trace.grid, inspection.trace.text or ""
    sides = []
    for at, patches in enumerate([(), hidden]):
        what = "The whole image is asked" if at == 0 else "The rest of the image is asked"
        yield TaskProgress(done=at, total=2, what=what)
        left = hide_patches(features, patches, grid) if patches else features
        with closing(
            pair.generator.stream(left, inspection.explained.prompt, decode=decode, stop=stop)
        ) as words:
            answer = ""
            for answer in words:
                yield TaskProgress(done=at, total=2, what=f"{what}: {answer}")
        read = hide_patches(inspection.features, patches, grid) if patches else inspection.features
        match = pair.matcher.match(read, [text])[0]
        sides.append({"answer": answer, "itm": match.itm, "itc": match.itc})
    before, after = sides
    result = {
        "question": inspection.explained.question,
        "text": text,
        "hidden": len(hidden),
        "patches": grid[0] * grid[1],
        "before": before,
        "after": after,
    }
    yield TaskProgress(done=2, total=2, result=result)


def focus_of(trace: Trace, shown: Any) -> tuple[str, Focus]:
    """Return the method and the focus of the map that the browser says is on screen.

    Raises ConfigError where there is no such map.
    """
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
    """Return the patches that the browser says are hidden, in order.

    Raises ConfigError where there are none, or where one is outside of the image.
    """
    total = trace.grid[0] * trace.grid[1]
    patches = sent.get("patches") if isinstance(sent, dict) else None
    if not isinstance(patches, list) or not patches:
        raise ConfigError("no patches are hidden: press or drag over some first")
    if any(type(patch) is not int or not 0 <= patch < total for patch in patches):
        raise ConfigError(f"patches are numbers from 0 to {total - 1}")
    return sorted(set(patches))


def _index(value: Any, count: int) -> int | None:
    """Return an index from 0 to count - 1; None for -1, which stands for the mean of all."""
    if type(value) is not int or not -1 <= value < count:
        raise ConfigError("the map on screen is not known")
    return None if value == -1 else value
