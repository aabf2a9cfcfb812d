"""A run about the visitor's image: begin, show what there is so far, say what went wrong, end.

A tab that has one gives the work and its words; the place for messages, the table and the two
buttons are the same everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Event
from types import SimpleNamespace

import gradio as gr

from app.chat.features import image_of
from app.chat.session import ChatImage, ChatSession
from app.inference.cancellable import CancellableTask
from app.inference.failures import error_message
from app.inference.pool import until_done
from app.services import Services
from app.workbench.events import PRIVATE_EVENT, Update
from app.workbench.widgets import tables
from app.workbench.widgets.buttons import buttons

NO_IMAGE = "There is no image yet: drop one at the left, or take an example."
Shown = tuple[str, str]
"""What is said, and the table so far; both HTML."""
Work = Callable[[ChatImage, Event], Iterator[Shown]]
"""What it raises when called is said at once; what it returns runs when the models are there,
yields whenever there is something to show, and ends early where the event is set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a run says of itself."""

    waiting: str
    """While the models load."""
    sorry: str
    """How the news of a failure begins."""
    stopped: str = "Stopped."


def build_saying(*, ready: bool) -> gr.HTML:
    """The place for messages; `ready` where there is an image already."""
    said = "" if ready else tables.status(NO_IMAGE)
    return gr.HTML(said, container=False, elem_classes="saying")


def wire_run(ui: SimpleNamespace, panel: SimpleNamespace, begun: gr.events.Dependency) -> None:
    """What ends the run that an event of the page begins: Stop, another image, an error."""
    given, screen = [ui.session, ui.task], [ui.said, ui.table, ui.begin, ui.stop]
    begun.failure(on_image, given, screen, **PRIVATE_EVENT)
    ui.stop.click(on_stop, ui.task, [ui.task, ui.stop], **PRIVATE_EVENT)
    panel.topic.change(on_image, given, screen, **PRIVATE_EVENT)


def run(
    services: Services, session: ChatSession, task: CancellableTask, work: Work, words: Words
) -> Iterator[tuple[Update, ...]]:
    """Does the work; yields what is said, the table and the two buttons."""
    image, said, shown = session.image, "", ""
    stop = task.begin(image.key if image else "")
    try:
        image = image_of(session)
        steps = work(image, stop)
        for said, shown in _when_loaded(services, session, steps, stop, words):
            yield said, shown, *buttons(running=True)
        if stop.is_set():
            said = tables.status(words.stopped)
    except Exception as error:
        said = tables.status(error_message(error, words.sorry), problem=True)
    task.end(stop)
    if image is not None and not session.is_about(image):
        yield on_image(session, task)
    else:
        yield said, shown, *buttons(running=False, ready=image is not None)


def _when_loaded(
    services: Services, session: ChatSession, steps: Iterator[Shown], stop: Event, words: Words
) -> Iterator[Shown]:
    pair = services.engine.pair(session.model)
    for _ in until_done(pair.loading, pair.loading_matcher()):
        if stop.is_set():
            return
        yield tables.status(words.waiting), ""
    yield from steps


def on_stop(task: CancellableTask) -> tuple[Update, ...]:
    """Nobody waits for the rest; `run` says what became of it."""
    task.stop()
    return task, gr.update(visible=False)


def on_image(session: ChatSession, task: CancellableTask) -> tuple[Update, ...]:
    """Another image, or none: what is on screen is about another."""
    there = session.image is not None
    if not task.turn_to(session.image.key if there else ""):
        return (gr.skip(),) * 4
    said = "" if there else tables.status(NO_IMAGE)
    return said, "", *buttons(running=False, ready=there)
