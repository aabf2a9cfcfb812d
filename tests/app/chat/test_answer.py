"""From an open question to its answer: one prompt, Stop, and a device without memory."""

from collections.abc import Iterator
from dataclasses import replace
from threading import Event
from typing import Any

import pytest

from app.chat import answer as module
from app.chat.answer import answer, continue_prompt
from app.chat.generation_settings import GenerationSettings
from app.chat.session import ChatSession
from app.services import Services
from blip2core.config import DecodeConfig
from blip2core.records import Generated
from tests.app.chat.conversations import ANSWERED, talked
from tests.app.visitor import answered
from tests.fakes import ENDLESS, FakeGenerator, fake_services

GREEDY, BEAMS = DecodeConfig(), DecodeConfig(mode="beam", beams=4)


class OutOfMemoryError(RuntimeError):
    """Named as torch's."""


class Small(FakeGenerator):
    """A generator on a device whose memory does not even suffice for greedy decoding."""

    def stream_answer(self, *given: Any, **options: Any) -> Iterator[Generated]:
        yield Generated(text="a dog", tokens=(1, 2))
        raise OutOfMemoryError("CUDA out of memory")


def asked(decode: DecodeConfig = GREEDY) -> ChatSession:
    session = talked(ANSWERED)
    session.ask("And where?", GenerationSettings(decode=decode))
    return session


def test_a_prompt_is_built_once_for_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[str] = []
    plain = module.prompt_for

    def build(*given: Any) -> Any:
        built.append(given[2])
        return plain(*given)

    monkeypatch.setattr(module, "prompt_for", build)
    session, generator = asked(BEAMS), FakeGenerator()
    list(answer(fake_services(generator).engine, session, session.turns[-1]))
    assert built == ["And where?"]
    assert generator.prompts == [session.turns[-1].prompt]


def test_stop_reaches_the_model() -> None:
    generator, stop = FakeGenerator(answers={"Who?": ENDLESS}), Event()
    services = fake_services(generator)
    pair = services.engine.pair("any")
    texts = continue_prompt(pair, None, "Question: Who? Answer:", GREEDY, stop=stop)
    next(texts)
    stop.set()
    assert list(texts) == []


def test_the_turns_own_event_stops_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    session, services = asked(), fake_services(FakeGenerator())
    given: list[Event | None] = []
    plain = services.engine.each

    def each(*args: Any, stop: Event | None = None) -> Any:
        given.append(stop)
        return plain(*args, stop=stop)

    monkeypatch.setattr(services.engine, "each", each)
    list(answer(services.engine, session, session.turns[-1]))
    assert given == [session.turns[-1].stop]


@pytest.mark.parametrize("decode", [GREEDY, BEAMS])
def test_out_of_memory_is_no_answer(decode: DecodeConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    freed: list[bool] = []
    monkeypatch.setattr(module, "free_memory", lambda: freed.append(True))
    session = asked(decode)
    shown = answered(session, fake_services(Small()))
    turn = session.turns[-1]
    assert turn.state == "failed" and "No answer" in turn.answer
    assert "a dog" not in shown[-1]["content"]
    assert len(freed) == (2 if decode.mode == "beam" else 1), "what an attempt held is given back"


def test_too_long_an_answer_is_refused_with_the_setting() -> None:
    services: Services = fake_services(FakeGenerator(), max_new_tokens=8)
    session = asked(replace(GREEDY, max_new_tokens=9))
    answered(session, services)
    turn = session.turns[-1]
    assert turn.state == "failed" and "at most 8" in turn.answer


def test_an_answer_that_goes_on_has_its_fewest_tokens_already() -> None:
    asked_with: list[DecodeConfig] = []

    class Noting(FakeGenerator):
        def stream_answer(self, *given: Any, decode: Any, **options: Any) -> Iterator[Generated]:
            asked_with.append(decode)
            yield Generated(text="a dog", tokens=(1, 2))

    pair = fake_services(Noting()).engine.pair("any")
    least = DecodeConfig(min_new_tokens=5)
    for begun in ("", "a"):
        list(continue_prompt(pair, None, "Question: Who? Answer:", least, begun, stop=None))
    assert [decode.min_new_tokens for decode in asked_with] == [5, 0]
