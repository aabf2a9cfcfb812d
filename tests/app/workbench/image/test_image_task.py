"""What every run about the image shares, with work that needs no model."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

from PIL import Image

from app.chat.session import ChatImage, ChatSession
from app.inference.cancellable import CancellableTask
from app.workbench.image.panel import on_upload
from app.workbench.image.task import Shown, Words, on_image, on_stop, run
from blip2core.errors import TextError
from tests.app.visitor import upload
from tests.fakes import FakeGenerator, FakeMatcher, fake_services

WORDS = Words(waiting="It waits.", sorry="No luck", stopped="Stopped early.")


def work(image: ChatImage, stop: Event) -> Iterator[Shown]:
    yield "half", "<table>"
    if not stop.is_set():
        yield "", "<table><table>"


def broken(image: ChatImage, stop: Event) -> Iterator[Shown]:
    yield "half", "<table>"
    raise RuntimeError("no such file: /home/someone/secret")


def hopeless(image: ChatImage, stop: Event) -> Iterator[Shown]:
    raise TextError("There is nothing to do.")


def steps(
    session: ChatSession, task: CancellableTask, what: Any = work, **loaded: Any
) -> Iterator[Any]:
    services = fake_services(loaded.get("generator", FakeGenerator()), FakeMatcher())
    return run(services, session, task, what, WORDS)


def test_buttons_follow_the_work(session: ChatSession) -> None:
    task = CancellableTask()
    first, *_, last = steps(session, task)
    assert first[:2] == ("half", "<table>") and first[3]["visible"]
    assert last[:2] == ("", "<table><table>") and last[2]["interactive"]
    assert not last[3]["visible"] and not task.is_running


def test_failure_keeps_what_there_was_and_hides_why(session: ChatSession) -> None:
    said, shown, begin, _ = list(steps(session, CancellableTask(), broken))[-1]
    assert "No luck (reference" in said and "secret" not in said
    assert shown == "<table>" and begin["interactive"]


def test_what_is_wrong_at_once_is_said_before_the_models_are_there(session: ChatSession) -> None:
    (only,) = steps(session, CancellableTask(), hopeless, generator=None)
    assert "No luck: There is nothing to do." in only[0]


def test_stop_ends_the_waiting_for_the_models(session: ChatSession) -> None:
    task = CancellableTask()
    going = steps(session, task, generator=None)
    assert "It waits." in next(going)[0]
    on_stop(task)
    assert "Stopped early." in list(going)[-1][0]


def test_what_is_about_another_image_is_not_shown(session: ChatSession, tmp_path: Path) -> None:
    task = CancellableTask()
    going = steps(session, task)
    next(going)
    on_upload(session, upload(tmp_path, "blue.png", Image.new("RGB", (40, 20), "blue")))
    on_image(session, task)
    assert list(going)[-1][1] != "<table><table>"


def test_no_image_is_said(session: ChatSession) -> None:
    ((said, shown, begin, _),) = steps(ChatSession(), CancellableTask())
    assert "Choose an image first" in said and shown == "" and not begin["interactive"]
