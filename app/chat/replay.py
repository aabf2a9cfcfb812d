"""Ask a conversation's questions again, as they were asked, and say which answers differ."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace

from app.chat.answer import stream_answer, turn_prompt
from app.chat.conversation import ChatTurn, conversation_of
from app.chat.features import generator_features
from app.chat.session import ChatSession
from app.inference.engine import Engine
from app.inference.pool import wait_until_loaded


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatedAnswer:
    """A turn, and the answer that its question gets now."""

    turn: ChatTurn
    answer: str

    @property
    def is_same(self) -> bool:
        """Whether both are equal; a stopped answer need only be how the new one begins."""
        if self.turn.state == "stopped":
            return self.answer.startswith(self.turn.answer)
        return self.answer == self.turn.answer


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayState:
    """How far a replay is."""

    total: int
    """Answers to ask for again."""
    answers: tuple[RepeatedAnswer, ...] = ()
    """Those that are complete."""
    is_loading: bool = False
    """Whether the model has to be loaded first."""
    is_stopped: bool = False
    revision: str = ""
    """Of the model that answers now; empty while it loads."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        return self.is_stopped or (not self.is_loading and len(self.answers) == self.total)

    @property
    def different(self) -> tuple[RepeatedAnswer, ...]:
        """The answers that are not what they were."""
        return tuple(answer for answer in self.answers if not answer.is_same)

    @property
    def has_other_weights(self) -> bool:
        """Whether some answer was given by other weights than those that answer now."""
        revisions = {answer.turn.revision for answer in self.answers}
        return bool(self.revision and revisions - {self.revision})


def replay(engine: Engine, session: ChatSession) -> Iterator[ReplayState]:
    """Ask all questions again; yield how far it is, and last the result.

    Each question follows the recorded turns, so that one answer that differs does not make the
    next ones differ.
    """
    stop = session.begin_replay()
    try:
        yield from _replay(engine, session, stop)
    finally:
        session.end_replay()


def _replay(engine: Engine, session: ChatSession, stop: threading.Event) -> Iterator[ReplayState]:
    turns = [turn for turn in session.turns if turn.has_answer]
    model, image = session.model, session.current_image()
    state = ReplayState(total=len(turns))
    pair = engine.pair(model)
    for _ in wait_until_loaded(pair.loading):
        yield replace(state, is_loading=True)
    features = generator_features(engine, session, image, model)
    state = replace(state, revision=pair.generator.revision)
    for number, turn in enumerate(turns):
        yield state
        prompt = turn_prompt(pair.generator, conversation_of(turns[:number]), turn).text
        answer, decode = "", turn.settings.decode
        is_left = True
        while is_left:
            is_left = False
            parts = stream_answer(engine, model, features, prompt, decode, begun=answer, stop=stop)
            with closing(parts):
                for part in parts:
                    # What the visitor let go on goes on.
                    is_left = part.cut_off and len(answer) < len(part.text) < len(turn.answer)
                    answer = part.text
                    yield state
        if stop.is_set():
            yield replace(state, is_stopped=True)
            return
        state = replace(state, answers=(*state.answers, RepeatedAnswer(turn=turn, answer=answer)))
    yield state
