"""A run about the visitor's picture: begin, show what there is so far, say what went wrong, end.

A tab that has one gives the work and its words; the place for messages, the table and the two
buttons are the same everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Event
from types import SimpleNamespace

import gradio as gr

from app.chat.session import ChatImage, ChatSession
from app.inference.cancellable import CancellableTask
from app.inference.features import picture_of
from app.services import Services
from app.workbench.events import PRIVATE_EVENT, Update, error_message, until_done
from app.workbench.widgets import tables
from app.workbench.widgets.buttons import buttons

NO_PICTURE = "There is no picture yet: drop one at the left, or take an example."
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
    """The place for messages; `ready` where there is a picture already."""
    said = "" if ready else tables.status(NO_PICTURE)
    return gr.HTML(said, container=False, elem_classes="saying")


def wire_run(ui: SimpleNamespace, panel: SimpleNamespace, begun: gr.events.Dependency) -> None:
    """What ends the run that an event of the page begins: Stop, another picture, an error."""
    given, screen = [ui.visit, ui.errand], [ui.said, ui.table, ui.begin, ui.stop]
    begun.failure(on_picture, given, screen, **PRIVATE_EVENT)
    ui.stop.click(on_stop, ui.errand, [ui.errand, ui.stop], **PRIVATE_EVENT)
    panel.topic.change(on_picture, given, screen, **PRIVATE_EVENT)


def run(
    services: Services, visit: ChatSession, errand: CancellableTask, work: Work, words: Words
) -> Iterator[tuple[Update, ...]]:
    """Does the work; yields what is said, the table and the two buttons."""
    picture, said, shown = visit.picture, "", ""
    stop = errand.begin(picture.key if picture else "")
    try:
        picture = picture_of(visit)
        steps = work(picture, stop)
        for said, shown in _when_loaded(services, visit, steps, stop, words):
            yield said, shown, *buttons(running=True)
        if stop.is_set():
            said = tables.status(words.stopped)
    except Exception as error:
        said = tables.status(error_message(error, words.sorry), problem=True)
    errand.end(stop)
    if picture is not None and not visit.is_about(picture):
        yield on_picture(visit, errand)
    else:
        yield said, shown, *buttons(running=False, ready=picture is not None)


def _when_loaded(
    services: Services, visit: ChatSession, steps: Iterator[Shown], stop: Event, words: Words
) -> Iterator[Shown]:
    pair = services.engine.pair(visit.model)
    for _ in until_done(pair.loading, pair.loading_matcher()):
        if stop.is_set():
            return
        yield tables.status(words.waiting), ""
    yield from steps


def on_stop(errand: CancellableTask) -> tuple[Update, ...]:
    """Nobody waits for the rest; `run` says what became of it."""
    errand.stop()
    return errand, gr.update(visible=False)


def on_picture(visit: ChatSession, errand: CancellableTask) -> tuple[Update, ...]:
    """Another picture, or none: what is on screen is about another."""
    there = visit.picture is not None
    if not errand.turn_to(visit.picture.key if there else ""):
        return (gr.skip(),) * 4
    said = "" if there else tables.status(NO_PICTURE)
    return said, "", *buttons(running=False, ready=there)
