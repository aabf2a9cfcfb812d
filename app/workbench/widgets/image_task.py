"""One cancellable task about the visitor's image: its components, its course, its messages.

The tabs that have such a task differ in the work and the messages; the place for messages, the
table and the two buttons are the same everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Event
from typing import NamedTuple

import gradio as gr
from gradio.components import Component

from app.chat.image import ChatImage
from app.chat.session import ChatSession
from app.inference.cancellable import CancellableTask
from app.inference.failures import error_message
from app.inference.pool import wait_until_loaded
from app.services import Services
from app.workbench.events import PRIVATE_EVENT, SKIP, Update, components_named
from app.workbench.shared_components import SharedComponents
from app.workbench.widgets import tables
from app.workbench.widgets.buttons import build_buttons, buttons

NO_IMAGE = "There is no image yet: drop one at the left, or take an example."


class TaskOutput(NamedTuple):
    """What a task has to show so far, as HTML."""

    message: str
    table: str


class TaskUpdate(NamedTuple):
    """New values of the components of a task."""

    message: Update = SKIP
    table: Update = SKIP
    begin: Update = SKIP
    stop: Update = SKIP


class StopUpdate(NamedTuple):
    """New values after Stop was pressed."""

    task: Update
    stop: Update


Work = Callable[[ChatImage, str, Event], Iterator[TaskOutput]]
"""The work of a task, with the model of this name. An error that it raises when called is shown at
once. The iterator that it returns runs when the models are there, and ends early where the event is
set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskMessages:
    """What a task tells the visitor about itself."""

    waiting: str
    """While the models load."""
    failure: str
    """Begins the message about an error."""
    stopped: str = "Stopped."


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageTask:
    """The components of a task."""

    session: gr.State
    """The visitor's `ChatSession`."""
    task: gr.State
    """The visitor's `CancellableTask`."""
    begin: gr.Button
    stop: gr.Button
    message: gr.HTML
    table: gr.HTML

    @property
    def outputs(self) -> list[Component]:
        """The components that a `TaskUpdate` fills."""
        return components_named(TaskUpdate._fields, self)


def build_image_task(
    shared: SharedComponents, begin: str, *, name: str, table_id: str
) -> ImageTask:
    """Draw the buttons, the place for messages and the table inside the tab that is being built.

    `begin` is the label of the first button, `name` begins the ids of both.
    """
    ready = bool(shared.panel.topic.value)
    pair = build_buttons(begin, name, ready=ready)
    return ImageTask(
        session=shared.session,
        task=gr.State(CancellableTask()),
        begin=pair.begin,
        stop=pair.stop,
        message=gr.HTML(
            "" if ready else tables.status_html(NO_IMAGE),
            container=False,
            elem_classes="status-area",
        ),
        table=tables.build_table(elem_id=table_id),
    )


def wire_image_task(
    screen: ImageTask, shared: SharedComponents, begun: gr.events.Dependency
) -> None:
    """Wire what ends the task that the event `begun` starts: Stop, another image, an error."""
    given = [screen.session, screen.task]
    begun.failure(on_image_change, given, screen.outputs, **PRIVATE_EVENT)
    stopped = components_named(StopUpdate._fields, screen)
    screen.stop.click(on_stop_task, screen.task, stopped, **PRIVATE_EVENT)
    shared.panel.topic.change(on_image_change, given, screen.outputs, **PRIVATE_EVENT)


def run_image_task(
    services: Services,
    session: ChatSession,
    task: CancellableTask,
    work: Work,
    messages: TaskMessages,
) -> Iterator[TaskUpdate]:
    """Do the work; yield what there is to show as it comes."""
    image, shown = session.image, TaskOutput("", "")
    model = session.model  # another one may be chosen meanwhile, for the next task
    stop = task.begin(image.key if image else "")
    try:
        image = session.chosen_image()
        outputs = work(image, model, stop)
        for shown in _when_loaded(services, model, outputs, stop, messages):
            yield TaskUpdate(**shown._asdict(), **buttons(running=True)._asdict())
        if stop.is_set():
            shown = shown._replace(message=tables.status_html(messages.stopped))
    except Exception as error:
        problem = error_message(error, messages.failure)
        shown = shown._replace(message=tables.status_html(problem, problem=True))
    task.end(stop)
    if image is not None and not session.is_about(image):
        yield on_image_change(session, task)
    else:
        yield TaskUpdate(
            **shown._asdict(), **buttons(running=False, ready=image is not None)._asdict()
        )


def _when_loaded(
    services: Services,
    model: str,
    outputs: Iterator[TaskOutput],
    stop: Event,
    messages: TaskMessages,
) -> Iterator[TaskOutput]:
    pair = services.engine.pair(model)
    for _ in wait_until_loaded(pair.loading, pair.loading_matcher()):
        if stop.is_set():
            return
        yield TaskOutput(tables.status_html(messages.waiting), "")
    yield from outputs


def on_stop_task(task: CancellableTask) -> StopUpdate:
    """Stop the task; `run_image_task` then says what became of it."""
    task.stop()
    return StopUpdate(task=task, stop=gr.update(visible=False))


def on_image_change(session: ChatSession, task: CancellableTask) -> TaskUpdate:
    """Clear what is shown about another image, and stop the task that is about it."""
    image = session.image
    if not task.turn_to(image.key if image else ""):
        return TaskUpdate()
    message = "" if image else tables.status_html(NO_IMAGE)
    return TaskUpdate(
        message=message, table="", **buttons(running=False, ready=image is not None)._asdict()
    )
