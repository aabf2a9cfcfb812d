"""From an open question to its answer: what the engine runs, and what the session keeps of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from app.chat.conversation import ChatTurn
from app.chat.features import generator_features, image_doubt
from app.chat.generation_settings import GenerationSettings
from app.chat.session import ChatSession
from app.inference.engine import Engine
from app.inference.pool import ModelPair, wait_until_loaded
from blip2core.chat import Prompt, prompt_for
from blip2core.config import DecodeConfig
from blip2core.device_errors import is_out_of_memory
from blip2core.records import DOUBT_WARNING, Conversation, Doubt, Generated
from blip2core.stickers.taught import CAN_DO, is_taught

if TYPE_CHECKING:
    from blip2core.models.generator import Generator as TextGenerator
    from blip2core.models.vision import ImageFeatures


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialAnswer:
    """An answer so far."""

    text: str
    """From its beginning."""
    seconds: float
    """Since the model was asked."""
    cut_off: bool = False
    """Whether the limit of tokens ended it; known of the last one."""


def answer(engine: Engine, session: ChatSession, turn: ChatTurn) -> Iterator[None]:
    """Let a turn grow until it is answered or stopped; yields at each change.

    An answer that goes on does so after the very prompt that it was begun with.
    """
    model = session.model  # another one may be chosen meanwhile, for the next question
    pair = engine.pair(model)
    for _ in wait_until_loaded(pair.loading):
        if not session.change(turn.number, state="loading"):
            return
        yield
    generator, conversation = pair.generator, session.conversation
    if generator.spec.few_questions and not turn.anyway and not is_taught(turn.question):
        session.change(turn.number, state="untaught", answer=CAN_DO, model=generator.spec.name)
        return
    features = generator_features(engine, session, session.current_image(), model)
    doubt = image_doubt(engine, session, session.current_image(), model)
    prompt, dropped = turn.prompt, turn.dropped
    if not (turn.begun and prompt):
        built = turn_prompt(generator, conversation, turn)
        prompt, dropped = built.text, built.dropped
    if not session.change(
        turn.number,
        state="answering",
        dropped=dropped,
        prompt=prompt,
        model=generator.spec.name,
        revision=generator.revision,
    ):
        return
    yield
    for settings in attempts(turn.settings):
        note = _note(turn.settings, settings, doubt)
        session.change(turn.number, settings=settings, note=note)
        answers = stream_answer(
            engine, model, features, prompt, settings.decode, begun=turn.begun, stop=turn.stop
        )
        before, cut_off = (turn.seconds or 0.0) if turn.begun else 0.0, False
        try:
            with closing(answers):
                for part in answers:
                    seconds, cut_off = before + part.seconds, part.cut_off
                    if not session.change(turn.number, answer=part.text, seconds=seconds):
                        return
                    yield
            break
        except Exception as error:
            if not is_out_of_memory(error) or settings.decode.mode != "beam":
                raise
    session.change(turn.number, state="answered", cut_off=cut_off)


def turn_prompt(generator: TextGenerator, conversation: Conversation, turn: ChatTurn) -> Prompt:
    """Return the prompt of a question after a conversation, in the words of its settings.

    Raises TextError where the question is empty or too long.
    """
    settings, own = turn.settings, generator.spec
    template, history = settings.template(own.template), settings.policy(own.history)
    return prompt_for(generator, conversation, turn.question, settings.decode, template, history)


def stream_answer(
    engine: Engine,
    model: str,
    features: ImageFeatures,
    prompt: str,
    decode: DecodeConfig,
    *,
    begun: str = "",
    stop: threading.Event,
) -> Generator[PartialAnswer, None, None]:
    """Yield the answer to a prompt as it grows, from what is `begun` of it."""
    started = time.monotonic()
    texts = engine.each(continue_prompt, model, features, prompt, decode, begun, stop=stop)
    with closing(texts):
        for text in texts:
            seconds = time.monotonic() - started
            yield PartialAnswer(text=text.text, seconds=seconds, cut_off=text.cut_off)


def continue_prompt(
    pair: ModelPair,
    features: ImageFeatures,
    prompt: str,
    decode: DecodeConfig,
    begun: str = "",
    *,
    stop: threading.Event | None,
) -> Generator[Generated, None, None]:
    """Yield what the generator writes after a prompt, as it grows; the engine runs this.

    Memory that a failed attempt holds is given back before its error is raised.
    """
    if begun:  # which has its fewest tokens already
        decode = replace(decode, min_new_tokens=0)
    try:
        yield from pair.generator.stream_answer(
            features, prompt, begun=begun, decode=decode, stop=stop
        )
    except Exception as error:
        if is_out_of_memory(error):
            free_memory()
        raise


def attempts(settings: GenerationSettings) -> Iterator[GenerationSettings]:
    """Yield the settings as asked for; then, for beam search, the same without beams.

    The second is for devices whose memory does not suffice for that many beams.
    """
    yield settings
    if settings.decode.mode == "beam":
        yield replace(settings, decode=replace(settings.decode, mode="greedy"))


def _note(asked: GenerationSettings, used: GenerationSettings, doubt: Doubt | None) -> str:
    notes = []
    if doubt is not None and doubt.is_doubted:
        notes.append(DOUBT_WARNING)
    if used.decode.mode != asked.decode.mode:
        beams = asked.decode.beams
        notes.append(f"The memory was too small for {beams} beams, so this is greedy.")
    return " ".join(notes)


def free_memory() -> None:
    """Give back the memory that a failed attempt still holds."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
