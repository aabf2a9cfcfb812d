"""Ask a conversation's questions again, as they were asked, and say which answers differ."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from html import escape

from app.chat.answer import stream_answer, turn_prompt
from app.chat.conversation import ChatTurn, conversation_of
from app.chat.features import generator_features, topic_image
from app.chat.session import ChatSession
from app.inference.engine import Engine
from app.inference.failures import error_message
from app.inference.pool import wait_until_loaded


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """A turn, and the answer that its question gets now."""

    entry: ChatTurn
    answer: str

    @property
    def same(self) -> bool:
        """Whether both are equal; a stopped answer need only be how the new one begins."""
        if self.entry.state == "stopped":
            return self.answer.startswith(self.entry.answer)
        return self.answer == self.entry.answer


def replay(engine: Engine, session: ChatSession) -> Iterator[str]:
    """Ask all questions again; yield HTML of the progress, and last of the result.

    Each question follows the recorded turns, so that one answer that differs does not make the
    next ones differ.
    """
    stop = session.begin_replay()
    try:
        yield from _replay(engine, session, stop)
    except Exception as error:
        yield f"<p>{escape(error_message(error, 'No replay'))}</p>"
    finally:
        session.end_replay()


def _replay(engine: Engine, session: ChatSession, stop: threading.Event) -> Iterator[str]:
    entries = [entry for entry in session.entries if entry.has_answer]
    model = session.model
    pair = engine.pair(model)
    for _ in wait_until_loaded(pair.loading):
        yield "<p>The model is loading; the replay waits.</p>"
    results: list[Replayed] = []
    features = generator_features(engine, session, topic_image(session), model)
    for number, entry in enumerate(entries):
        progress = f"<p>Asking again: {number + 1} of {len(entries)} …</p>"
        yield progress
        prompt = turn_prompt(pair.generator, conversation_of(entries[:number]), entry).text
        answer, decode = "", entry.settings.decode
        with closing(stream_answer(engine, model, features, prompt, decode, stop=stop)) as parts:
            for part in parts:
                answer = part.text
                yield progress
        if stop.is_set():
            yield report(results, f"Stopped after {number} of {len(entries)} answers.")
            return
        results.append(Replayed(entry=entry, answer=answer))
    yield report(results, _sum(results), pair.generator.revision)


def _sum(results: list[Replayed]) -> str:
    others = sum(not result.same for result in results)
    if not results:
        return "There is no answer to ask for again."
    if not others:
        return f"Asked again: all {len(results)} answers are the same."
    return f"Asked again: {others} of {len(results)} answers differ."


def report(results: list[Replayed], words: str, revision: str = "") -> str:
    """Return HTML of which answers differ, and how."""
    others = [result for result in results if not result.same]
    lines = "".join(
        f"<li>{escape(r.entry.question)} <del>{escape(r.entry.answer)}</del> "
        f"<ins>{escape(r.answer)}</ins></li>"
        for r in others
    )
    weights = {result.entry.revision for result in results}
    other_weights = (
        " The weights are not those of then." if revision and weights - {revision} else ""
    )
    return f"<p>{escape(words)}{other_weights}</p>" + (f"<ul>{lines}</ul>" if lines else "")
