"""The course of a task about the image, with work that needs no model."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

from PIL import Image

from app.chat.image import ChatImage
from app.chat.session import ChatSession
from app.inference.cancellable import CancellableTask
from app.workbench.image.panel import on_upload
from app.workbench.widgets.image_task import (
    TaskMessages,
    TaskOutput,
    TaskUpdate,
    on_image_change,
    on_stop_task,
    run_image_task,
)
from blip2core.errors import TextError
from tests.app.visitor import upload
from tests.fakes import FakeGenerator, FakeMatcher, fake_services

MESSAGES = TaskMessages(waiting="It waits.", failure="No luck", stopped="Stopped early.")


def work(image: ChatImage, model: str, stop: Event) -> Iterator[TaskOutput]:
    yield TaskOutput("half", "<table>")
    if not stop.is_set():
        yield TaskOutput("", "<table><table>")


def broken(image: ChatImage, model: str, stop: Event) -> Iterator[TaskOutput]:
    yield TaskOutput("half", "<table>")
    raise RuntimeError("no such file: /home/someone/secret")


def hopeless(image: ChatImage, model: str, stop: Event) -> Iterator[TaskOutput]:
    raise TextError("There is nothing to do.")


def steps(
    session: ChatSession, task: CancellableTask, what: Any = work, **loaded: Any
) -> Iterator[TaskUpdate]:
    services = fake_services(loaded.get("generator", FakeGenerator()), FakeMatcher())
    return run_image_task(services, session, task, what, MESSAGES)


def test_buttons_follow_the_work(session: ChatSession) -> None:
    task = CancellableTask()
    first, *_, last = steps(session, task)
    assert (first.message, first.table) == ("half", "<table>")
    assert first.stop["visible"] and not first.begin["interactive"]
    assert (last.message, last.table) == ("", "<table><table>")
    assert last.begin["interactive"] and not last.stop["visible"] and not task.is_running


def test_failure_keeps_what_there_was_and_hides_why(session: ChatSession) -> None:
    last = list(steps(session, CancellableTask(), broken))[-1]
    assert "No luck (reference" in last.message and "secret" not in last.message
    assert last.table == "<table>" and last.begin["interactive"]


def test_what_is_wrong_at_once_is_said_before_the_models_are_there(session: ChatSession) -> None:
    (only,) = steps(session, CancellableTask(), hopeless, generator=None)
    assert "No luck: There is nothing to do." in only.message


def test_stop_ends_the_waiting_for_the_models(session: ChatSession) -> None:
    task = CancellableTask()
    going = steps(session, task, generator=None)
    assert "It waits." in next(going).message
    update = on_stop_task(task)
    assert update.task is task and not update.stop["visible"]
    assert "Stopped early." in list(going)[-1].message


def test_what_is_about_another_image_is_not_shown(session: ChatSession, tmp_path: Path) -> None:
    task = CancellableTask()
    going = steps(session, task)
    next(going)
    on_upload(session, upload(tmp_path, "blue.png", Image.new("RGB", (40, 20), "blue")))
    on_image_change(session, task)
    assert list(going)[-1].table != "<table><table>"


def test_no_image_is_said(session: ChatSession) -> None:
    (only,) = steps(ChatSession(), CancellableTask())
    assert "Choose an image first" in only.message and only.table == ""
    assert not only.begin["interactive"]


def test_the_same_image_again_changes_nothing(session: ChatSession) -> None:
    task = CancellableTask()
    list(steps(session, task))
    assert session.image is not None
    assert on_image_change(session, task) == TaskUpdate()
