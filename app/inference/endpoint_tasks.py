"""What the engine runs for the endpoints that programs call."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from app.inference.pool import ModelPair
from blip2core.chat import prompt_for
from blip2core.config import DecodeConfig
from blip2core.errors import TextError
from blip2core.records import Conversation, Doubt
from blip2core.stickers.taught import instead_of_an_answer, is_taught

if TYPE_CHECKING:
    from blip2core.models.vision import ImageFeatures


def answer_question(
    pair: ModelPair,
    features: ImageFeatures,
    question: str,
    talk: Conversation,
    decode: DecodeConfig,
    is_doubted: bool = False,
) -> dict[str, Any]:
    """Return the answer and what the model read; of a question that it was never taught what it can
    do instead. The engine runs it.
    """
    few = pair.generator.spec.few_questions
    if few and not is_taught(question):
        caption = "" if is_doubted else pair.generator.caption(features)[0][0].text
        return instead_of_an_answer(caption) | {"cut_off": False, "prompt": "", "dropped": 0}
    prompt = prompt_for(pair.generator, talk, question, decode)
    answer = pair.generator.answer(features, [prompt.text], decode=decode)[0]
    taught = {"taught": True} if few else {}
    return taught | {
        "answer": answer.text,
        "cut_off": answer.cut_off,
        "prompt": prompt.text,
        "dropped": len(prompt.dropped),
    }


def doubt_record(doubt: Doubt | None) -> dict[str, Any]:
    """Return what a program is told of the doubt in an image; nothing where the model is not
    calibrated.
    """
    return {} if doubt is None else {"doubt": asdict(doubt) | {"is_doubted": doubt.is_doubted}}


def map_attention(
    pair: ModelPair, features: ImageFeatures, text: str, method: str, word: int | None
) -> dict[str, Any]:
    """Return a map over the patches with its description. The engine runs it."""
    from blip2core.explain import METHODS, Focus, trace  # loads torch: the page need not wait

    if method not in METHODS:
        raise TextError(f"There is no method '{method}': {', '.join(METHODS)}.")
    found = trace(pair.matcher, features, text, gradients=True)
    if word is not None and not 0 <= word < len(found.words):
        raise TextError(f"word ({word}) must be from 0 to {len(found.words) - 1}.")
    heat = METHODS[method](found, Focus(word=word))
    (row, column), (x, y) = heat.peak, heat.peak_point
    most = float(heat.values.max()) or 1.0
    return {
        **found.facts_of_fit,
        "map": [[round(value / most, 4) for value in values] for values in heat.values.tolist()],
        "peak": {"row": row, "column": column, "x": x, "y": y},
        "alt": heat.describe(),
        "flat": heat.is_flat,
        "words": [known.text for known in found.words],
        "method": method,
    }
