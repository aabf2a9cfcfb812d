"""The chat with the embedded model itself: what is counted, and what is shipped as its words."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.chat import example
from app.chat.example import EXAMPLE_NAME, SAMPLES, shipped_example
from app.chat.features import image_doubt
from app.chat.generation_settings import GenerationSettings
from app.chat.session import ChatSession
from app.services import Services, build_services
from app.settings import AppSettings
from app.workbench.chat_tab.handlers import on_replay, on_stop_answer, respond
from app.workbench.chat_tab.write_example import make_chat_example
from blip2core.config import DecodeConfig
from tests.app.chat.conversations import talked
from tests.app.visitor import answered

LONG = DecodeConfig(max_new_tokens=120, min_new_tokens=50, seed=1)


@pytest.mark.parametrize("there", [False, True])
def test_an_example_that_is_missing_or_damaged_is_none(
    there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(example, "SAMPLES", tmp_path)
    if there:
        (tmp_path / EXAMPLE_NAME).write_text("{")
    assert shipped_example() is None
    assert (EXAMPLE_NAME in caplog.text) == there


@pytest.fixture(scope="module")
def services() -> Services:
    services = build_services(AppSettings())
    services.engine.pair("stickers-opt").generator  # noqa: B018 - waits for it
    return services


@pytest.fixture
def steps(services: Services) -> Iterator[list[int]]:
    """Grows by one with every pass of the language model."""
    passes: list[int] = []
    model = services.engine.pair("stickers-opt").generator.language_model
    hook = model.register_forward_hook(lambda *_: passes.append(1))
    yield passes
    hook.remove()


def test_example_is_what_the_model_says(services: Services) -> None:
    shipped = json.loads((SAMPLES / EXAMPLE_NAME).read_text("utf-8"))
    made = json.loads(make_chat_example(services))
    for conversation in (shipped, made):
        conversation.pop("saved_at")
        for turn in conversation["turns"]:
            turn.pop("seconds")
    assert made == shipped
    assert len(shipped["turns"]) == 3


def test_example_can_be_asked_again_and_gone_on_with(services: Services) -> None:
    session = ChatSession(stored=shipped_example())
    assert "all 3 answers are the same" in [*on_replay(services, session)][-1][1]
    session.ask("What animal is there?")
    assert answered(session, services)[-1]["content"] == "a snail"
    assert session.turns[-1].prompt.startswith("Question: What animal is there? Answer: a snail\n")


@pytest.mark.parametrize("mode", ["greedy", "sample", "beam"])
def test_stop_costs_one_more_step_and_frees_the_engine(
    services: Services, steps: list[int], mode: str
) -> None:
    session = talked()
    image_doubt(services.engine, session, session.current_image())  # it writes captions, too
    steps.clear()
    session.ask("What animal is there?", GenerationSettings(decode=replace(LONG, mode=mode)))
    answering = respond(services, session)
    while len(steps) < 4:
        next(answering)
    on_stop_answer(session)
    at_stop = len(steps)
    list(answering)
    assert len(steps) <= at_stop + 1 < 50
    assert session.turns[0].state == "stopped"
    assert services.engine.call(lambda pair: "free", "stickers-opt") == "free"
    assert len(steps) <= at_stop + 1


def test_the_image_is_encoded_once_however_much_is_said(services: Services) -> None:
    generator = services.engine.pair("stickers-opt").generator
    session, before = talked(), generator.vision.calls
    for question in ("What animal is there?", "What colour is it?", "Where is it?"):
        session.ask(question)
        answered(session, services)
    list(on_replay(services, session))
    assert generator.vision.calls == before + 1


def test_a_seed_gives_the_answer_again(services: Services) -> None:
    decode = DecodeConfig(mode="sample", temperature=1.5, top_p=1.0, max_new_tokens=12)
    answers = []
    for seed in (1, 1, 2, 3):
        session = talked()
        session.ask("What animal is there?", GenerationSettings(decode=replace(decode, seed=seed)))
        answers.append(answered(session, services)[-1]["content"])
    assert answers[0] == answers[1]
    assert len(set(answers)) > 1
