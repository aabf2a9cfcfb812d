"""The tab for those who come to learn: an answer followed through the models, step by step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from threading import Event

import gradio as gr

from app.chat.features import generator_features
from app.chat.image import ChatImage
from app.chat.session import ChatSession
from app.gradio_internals import event_values
from app.inference.answer_steps import follow_answer
from app.inference.cancellable import CancellableTask
from app.services import Services
from app.workbench.events import MODEL_EVENT, PRIVATE_EVENT, SKIP, Update
from app.workbench.how_tab.steps import LINKED, steps_html
from app.workbench.inside_tab.tab import asked_of
from app.workbench.scripts import bundle
from app.workbench.shared_components import SharedComponents
from app.workbench.widgets import tables
from app.workbench.widgets.buttons import build_buttons
from app.workbench.widgets.image_task import (
    NO_IMAGE,
    ImageTask,
    TaskMessages,
    TaskOutput,
    TaskUpdate,
    run_image_task,
    wire_image_task,
)
from blip2core.images import open_image

_CODE = Path(__file__).with_name("how.js")
_ABOUT = """<h2>How BLIP-2 answers</h2>
<p>Two large models that know nothing of each other, one for images and one for words, stay as they
are; a small one between them, the Q-Former, is trained to ask the image what the words need. Follow
your own image through all of it: the latest answer of the chat, or the caption.</p>
<p class="way">image → patches → image encoder → query tokens → cross-attention → projection →
language model → words</p>"""
_MESSAGES = TaskMessages(
    waiting="The model is loading; the steps will come by themselves.", failure="Not followed"
)


def build_how_tab(services: Services, shared: SharedComponents) -> None:
    """Draw and wire the tab inside the page that is being built."""
    gr.HTML(_ABOUT, elem_classes="about", container=False)
    screen = _build(shared)
    followed = screen.begin.click(
        partial(on_follow, services), [screen.session, screen.task], screen.outputs, **MODEL_EVENT
    )
    wire_image_task(screen, shared, followed)
    screen.table.select(on_open_step, None, shared.tabs, **PRIVATE_EVENT)


def _build(shared: SharedComponents) -> ImageTask:
    ready = bool(shared.panel.topic.value)
    pair = build_buttons("Follow this image", "how", ready=ready)
    message = gr.HTML(
        "" if ready else tables.status_html(NO_IMAGE), container=False, elem_classes="status-area"
    )
    steps = gr.HTML(
        js_on_load=bundle([_CODE], "listenToSteps(element, trigger);"),
        container=False,
        elem_id="how",
        elem_classes="results",
    )
    return ImageTask(
        session=shared.session,
        task=gr.State(CancellableTask()),
        begin=pair.begin,
        stop=pair.stop,
        message=message,
        table=steps,
    )


def on_follow(
    services: Services, session: ChatSession, task: CancellableTask
) -> Iterator[TaskUpdate]:
    """Follow the latest answer, or the caption; yield progress, then all steps."""

    def work(image: ChatImage, model: str, stop: Event) -> Iterator[TaskOutput]:
        return _follow(services, session, image, model, stop)

    yield from run_image_task(services, session, task, work, _MESSAGES)


def _follow(
    services: Services, session: ChatSession, image: ChatImage, model: str, stop: Event
) -> Iterator[TaskOutput]:
    features = generator_features(services.engine, session, image, model)
    original = open_image(image.data)
    caption = session.image.caption if session.image else ""
    given = (features, original, asked_of(services, session, model), caption)
    steps = services.engine.each(follow_answer, model, *given, stop=stop)
    with closing(steps):
        for step in steps:
            if stop.is_set():
                return
            if step.result is None:
                message = tables.progress_html(step.done, step.total, step.what)
                yield TaskOutput(message, "")
            else:
                yield TaskOutput("", steps_html(step.result, original))


def on_open_step(event: gr.EventData) -> Update:
    """Open the tab that a step leads to."""
    name = event_values(event).get("tab")
    return gr.Tabs(selected=name) if name in LINKED else SKIP
