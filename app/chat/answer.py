"""From an open question to its answer: what the engine is asked for, and what the visit learns."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from app.chat.conversation import ChatTurn
from app.chat.features import encoded
from app.chat.generation_settings import GenerationSettings
from app.chat.session import ChatSession
from app.inference.engine import Engine
from app.inference.pool import ModelPair, until_done
from blip2core.chat import prompt_for, reply
from blip2core.records import Conversation

if TYPE_CHECKING:
    from blip2core.models.vision import ImageFeatures


def answer(engine: Engine, session: ChatSession, entry: ChatTurn) -> Iterator[None]:
    """Lets the entry grow until it is answered or nobody waits for it; yields at each change."""
    model = session.model  # another one may be chosen meanwhile, for the next question
    pair = engine.pair(model)
    for _ in until_done(pair.loading):
        if not session.change(entry.number, state="loading"):
            return
        yield
    generator, talk = pair.generator, session.conversation
    features = encoded(engine, session, session.image, model).features
    template = entry.settings.template(generator.spec.template)
    prompt = prompt_for(generator, talk, entry.question, entry.settings.decode, template)
    if not session.change(
        entry.number,
        state="answering",
        dropped=prompt.dropped,
        prompt=prompt.text,
        model=generator.spec.name,
        revision=generator.revision,
    ):
        return
    yield
    for settings in attempts(entry.settings):
        session.change(entry.number, settings=settings, note=_note(entry.settings, settings))
        words = write(engine, model, features, talk, replace(entry, settings=settings))
        try:
            with closing(words):
                for text, seconds in words:
                    if not session.change(entry.number, answer=text, seconds=seconds):
                        return
                    yield
            break
        except Exception as error:
            if not is_out_of_memory(error) or settings.decode.mode != "beam":
                raise
    session.change(entry.number, state="answered")


def write(
    engine: Engine,
    model: str,
    features: ImageFeatures,
    talk: Conversation,
    entry: ChatTurn,
) -> Iterator[tuple[str, float]]:
    """What a model answers, as it grows, and the seconds so far."""
    started = time.monotonic()
    asked = (features, talk, entry.question, entry.settings)
    words = engine.each(write_answer, model, *asked, stop=entry.stop)
    with closing(words):
        for text in words:
            yield text, time.monotonic() - started


def write_answer(
    pair: ModelPair,
    features: ImageFeatures,
    talk: Conversation,
    question: str,
    settings: GenerationSettings,
    *,
    stop: threading.Event | None,
) -> Iterator[str]:
    """Done by the engine: the answer as it grows."""
    generator = pair.generator
    template = settings.template(generator.spec.template)
    answers = reply(
        generator, features, talk, question, decode=settings.decode, template=template, stop=stop
    )
    try:
        with closing(answers):
            yield from answers
    except Exception as error:
        if is_out_of_memory(error):
            free_memory()
        raise


def attempts(settings: GenerationSettings) -> Iterator[GenerationSettings]:
    """As asked; and, should the memory not suffice for that many beams, without them."""
    yield settings
    if settings.decode.mode == "beam":
        yield replace(settings, decode=replace(settings.decode, mode="greedy"))


def _note(asked: GenerationSettings, used: GenerationSettings) -> str:
    if used.decode.mode == asked.decode.mode:
        return ""
    return f"The memory was too small for {asked.decode.beams} beams, so this is greedy."


def is_out_of_memory(error: Exception) -> bool:
    """Whether a device had no memory left; by name, for a page without torch asks too."""
    return type(error).__name__ == "OutOfMemoryError"


def free_memory() -> None:
    """Gives back what the failed attempt still holds."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
