"""What every run about the picture shares, with work that needs no model."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

from PIL import Image

from app.chat.session import ChatImage, ChatSession
from app.inference.cancellable import CancellableTask
from app.workbench.image.panel import on_upload
from app.workbench.image.task import Shown, Words, on_picture, on_stop, run
from blip2core.errors import TextError
from tests.app.visitor import upload
from tests.fakes import FakeGenerator, FakeMatcher, fake_services

WORDS = Words(waiting="It waits.", sorry="No luck", stopped="Stopped early.")


def work(picture: ChatImage, stop: Event) -> Iterator[Shown]:
    yield "half", "<table>"
    if not stop.is_set():
        yield "", "<table><table>"


def broken(picture: ChatImage, stop: Event) -> Iterator[Shown]:
    yield "half", "<table>"
    raise RuntimeError("no such file: /home/someone/secret")


def hopeless(picture: ChatImage, stop: Event) -> Iterator[Shown]:
    raise TextError("There is nothing to do.")


def steps(
    visit: ChatSession, errand: CancellableTask, what: Any = work, **loaded: Any
) -> Iterator[Any]:
    services = fake_services(loaded.get("generator", FakeGenerator()), FakeMatcher())
    return run(services, visit, errand, what, WORDS)


def test_buttons_follow_the_work(visit: ChatSession) -> None:
    errand = CancellableTask()
    first, *_, last = steps(visit, errand)
    assert first[:2] == ("half", "<table>") and first[3]["visible"]
    assert last[:2] == ("", "<table><table>") and last[2]["interactive"]
    assert not last[3]["visible"] and not errand.is_running


def test_failure_keeps_what_there_was_and_hides_why(visit: ChatSession) -> None:
    said, shown, begin, _ = list(steps(visit, CancellableTask(), broken))[-1]
    assert "No luck (reference" in said and "secret" not in said
    assert shown == "<table>" and begin["interactive"]


def test_what_is_wrong_at_once_is_said_before_the_models_are_there(visit: ChatSession) -> None:
    (only,) = steps(visit, CancellableTask(), hopeless, generator=None)
    assert "No luck: There is nothing to do." in only[0]


def test_stop_ends_the_waiting_for_the_models(visit: ChatSession) -> None:
    errand = CancellableTask()
    going = steps(visit, errand, generator=None)
    assert "It waits." in next(going)[0]
    on_stop(errand)
    assert "Stopped early." in list(going)[-1][0]


def test_what_is_about_another_picture_is_not_shown(visit: ChatSession, tmp_path: Path) -> None:
    errand = CancellableTask()
    going = steps(visit, errand)
    next(going)
    on_upload(visit, upload(tmp_path, "blue.png", Image.new("RGB", (40, 20), "blue")))
    on_picture(visit, errand)
    assert list(going)[-1][1] != "<table><table>"


def test_no_picture_is_said(visit: ChatSession) -> None:
    ((said, shown, begin, _),) = steps(ChatSession(), CancellableTask())
    assert "Choose a picture first" in said and shown == "" and not begin["interactive"]
