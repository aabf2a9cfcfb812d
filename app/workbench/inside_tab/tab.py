"""Look inside: where the queries looked, drawn in the browser from what is sent once."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from types import SimpleNamespace
from typing import Any

import gradio as gr

from app.chat.conversation import ChatTurn
from app.chat.features import generator_features, topic_image
from app.chat.session import ChatSession
from app.gradio_internals import event_values
from app.inference.explain_tasks import (
    ExplainedAnswer,
    Inspection,
    TaskProgress,
    answer_without_patches,
    focus_of,
    inspect_image,
    measure_map,
    patches_of,
)
from app.inference.failures import error_message
from app.inference.pool import wait_until_loaded
from app.services import Services
from app.workbench.events import MODEL_EVENT, PRIVATE_EVENT, Update
from app.workbench.inside_tab.explorer import build_explorer
from blip2core.bundled import SAMPLES
from blip2core.config import DecodeConfig
from blip2core.errors import ConfigError
from blip2core.images import open_image
from blip2core.texts import clean_text

EXAMPLE = SAMPLES / "example-inside.json"
"""A finished look, shown before there is an image or a model. See app/explorer/example.py."""
EXAMPLE_NOTE = "A finished example. Look inside to make it anew, or choose an image of your own."
TEXT_LABEL = "A text about the image"
TEXT_HINT = "Empty: its caption"
ENDED = {"state": "ended"}
"""Nothing goes on any more. Not None, which an update cannot say."""
LOOK_FIRST = "Press “Look inside” first"


def build_inside_tab(services: Services, panel: SimpleNamespace) -> None:
    """Draws and wires the tab inside the page that is being built."""
    ui = SimpleNamespace(session=panel.session, seen=gr.State(None))
    ui.text = gr.Textbox(
        label=TEXT_LABEL,
        placeholder=TEXT_HINT,
        submit_btn="Look inside",
        max_length=2000,
        elem_id="inside-text",
    )
    with gr.Row(elem_id="inside-bar"):
        ui.answer = gr.Button("Use the latest answer", size="sm", elem_id="inside-answer", scale=0)
    ui.explorer = build_explorer(example())
    _wire(ui, services, panel)


def _wire(ui: SimpleNamespace, services: Services, panel: SimpleNamespace) -> None:
    panel.caption.change(follow, panel.caption, ui.text, queue=False, **PRIVATE_EVENT)
    panel.topic.change(on_topic, ui.session, [ui.seen, ui.explorer], **PRIVATE_EVENT)
    ui.answer.click(take_answer, [ui.session, ui.text], ui.text, **PRIVATE_EVENT)
    shown = [ui.text, ui.explorer]
    probed = panel.inspected_text.change(take_probe, ui.session, ui.text, **PRIVATE_EVENT)
    looked = []
    for started in (
        ui.text.submit(on_start, ui.session, shown, **PRIVATE_EVENT),
        probed.success(on_start, ui.session, shown, **PRIVATE_EVENT),
    ):
        looks = started.success(
            partial(on_look, services), [ui.session, ui.text], [ui.seen, ui.explorer], **MODEL_EVENT
        )
        looks.success(idle, None, ui.text, **PRIVATE_EVENT)
        looks.failure(idle, None, ui.text, **PRIVATE_EVENT)
        looked.append(looks)

    def test(
        session: ChatSession, seen: Inspection | None, event: gr.EventData
    ) -> Iterator[Update]:
        yield from on_test(services, session, seen, event_values(event))

    def mask(
        session: ChatSession, seen: Inspection | None, event: gr.EventData
    ) -> Iterator[Update]:
        yield from on_mask(services, session, seen, event_values(event))

    def export(seen: Inspection | None, event: gr.EventData) -> Update:
        return on_export(seen, event_values(event).get("kind"))

    known = [ui.session, ui.seen]
    tested = ui.explorer.test(test, known, ui.explorer, **MODEL_EVENT)
    masked = ui.explorer.mask(mask, known, ui.explorer, **MODEL_EVENT)
    ui.explorer.halt(stopped, None, ui.explorer, cancels=[tested, masked], **PRIVATE_EVENT)
    ui.text.stop(halted, None, [ui.text, ui.explorer], cancels=looked, **PRIVATE_EVENT)
    ui.explorer.export(export, ui.seen, ui.explorer, **PRIVATE_EVENT)


def example() -> dict[str, Any] | None:
    """The shipped example, or nothing where it is missing."""
    if not EXAMPLE.is_file():
        return None
    return json.loads(EXAMPLE.read_text("utf-8")) | {"note": EXAMPLE_NOTE, "example": True}


# The text


def follow(caption: str) -> Update:
    """What an empty box stands for. Its value is left to the visitor, who may be typing."""
    return gr.update(placeholder=f"{TEXT_HINT}, {caption}" if caption else TEXT_HINT)


def take_answer(session: ChatSession, text: str) -> str:
    """The latest answer as the text to look for; what was there where there is none."""
    answered = latest(session)
    return answered.answer if answered else text


def latest(session: ChatSession) -> ChatTurn | None:
    """The latest question that has an answer."""
    return next((entry for entry in reversed(session.entries) if entry.has_answer), None)


# Looking


def problem_of(session: ChatSession) -> str:
    """Why there is nothing to look into yet."""
    if session.offered is not None:
        return "First say whether the new image may start a new conversation."
    return "" if session.image else "Choose an image first."


def take_probe(session: ChatSession) -> Update:
    """A text that came from a table of another tab."""
    return gr.update(value=session.inspected_text)


def on_topic(session: ChatSession) -> tuple[None, Update]:
    """Another image or talk: what was seen belongs to the one before."""
    arrived = session.opening is not None and session.opening.kind == "example"
    return None, gr.update(value=example() if arrived else None, findings=ENDED)


def on_start(session: ChatSession) -> tuple[Update, Update]:
    """The button was pressed: something happens at once, also while others use the model."""
    if problem := problem_of(session):
        return idle(), failed("look", problem)
    return gr.update(submit_btn=False, stop_btn="Stop"), running("look", "Waiting for the model")


def on_look(services: Services, session: ChatSession, text: str) -> Iterator[tuple[Update, Update]]:
    """Trace image and text, and send everything that can be drawn of it.

    No text means the caption: writing it came before in the same lane.
    """
    if problem_of(session):
        yield gr.skip(), gr.skip()
        return
    try:
        yield from _look(services, session, clean_text(text))
    except Exception as error:
        yield gr.skip(), failed("look", error_message(error, "Could not look inside"))


def _look(services: Services, session: ChatSession, text: str) -> Iterator[tuple[Update, Update]]:
    pair = services.engine.pair(session.model)
    for _ in wait_until_loaded(pair.loading, pair.loading_matcher()):
        yield gr.skip(), running("look", "The model is loading")
    image = topic_image(session)
    features = generator_features(services.engine, session, image)
    text = text or image.caption
    if not text:
        yield gr.skip(), failed("look", "There is no caption yet: type a text about the image.")
        return
    asked = asked_of(services, session)
    given = (features, open_image(image.data), image.key, text, asked)
    with closing(services.engine.each(inspect_image, session.model, *given)) as steps:
        for step in steps:
            if not session.is_about(image):
                return
            if step.result is None:
                yield gr.skip(), progress("look", step)
            else:
                seen, stack = step.result
                yield seen, gr.update(value=stack, findings=ENDED)


def asked_of(services: Services, session: ChatSession) -> ExplainedAnswer:
    """The latest question with its answer, as the model read it; else the caption."""
    template = services.engine.pair(session.model).generator.spec.template
    entry = latest(session)
    if entry is None:
        caption = session.image.caption if session.image else ""
        return ExplainedAnswer(question="", prompt=template.caption, answer=caption)
    prompt = entry.prompt or template.question.format(question=entry.question)
    return ExplainedAnswer(question=entry.question, prompt=prompt, answer=entry.answer)


# Testing a map, asking without patches


def on_test(
    services: Services, session: ChatSession, seen: Inspection | None, shown: Any
) -> Iterator[Update]:
    """Measure the map on screen against chance, step by step."""

    def begin(seen: Inspection) -> Iterator[TaskProgress]:
        method, focus = focus_of(seen.trace, shown)
        return services.engine.each(measure_map, session.model, seen, method, focus)

    yield from _steps("test", "Not tested", session, seen, begin)


def on_mask(
    services: Services, session: ChatSession, seen: Inspection | None, sent: Any
) -> Iterator[Update]:
    """Ask for answer and scores again, without the patches that were hidden."""

    def begin(seen: Inspection) -> Iterator[TaskProgress]:
        features = session.image.features
        given = (features, seen, patches_of(seen.trace, sent), _decode(services))
        return services.engine.each(answer_without_patches, session.model, *given)

    yield from _steps("mask", "Not asked", session, seen, begin)


def _steps(
    kind: str, sorry: str, session: ChatSession, seen: Inspection | None, begin: Any
) -> Iterator[Update]:
    """What the explorer is told while a piece of work goes on."""
    try:
        if seen is None or session.image is None or session.image.key != seen.key:
            raise ConfigError(LOOK_FIRST)
        with closing(begin(seen)) as steps:
            for step in steps:
                yield progress(kind, step)
    except Exception as error:
        yield failed(kind, error_message(error, sorry))


def _decode(services: Services) -> DecodeConfig:
    return DecodeConfig(max_new_tokens=services.settings.usual_new_tokens)


# What is shown


def idle() -> Update:
    """The text box as it is when nothing runs."""
    return gr.update(submit_btn="Look inside", stop_btn=False)


def halted() -> tuple[Update, Update]:
    """Looking was stopped."""
    return idle(), stopped()


def stopped() -> Update:
    """What ran is not waited for any more."""
    return gr.update(findings=ENDED)


def running(kind: str, what: str) -> Update:
    """Something goes on, nobody knows how long."""
    return progress(kind, TaskProgress(done=0, total=0, what=what))


def progress(kind: str, step: TaskProgress) -> Update:
    """How far a piece of work is, or its result."""
    if step.result is not None:
        return gr.update(findings={"kind": kind, "state": "done", "result": step.result})
    told = {"done": step.done, "total": step.total, "what": step.what}
    return gr.update(findings={"kind": kind, "state": "running", **told})


def failed(kind: str, message: str) -> Update:
    """Why there is no result."""
    return gr.update(findings={"kind": kind, "state": "failed", "message": message})


def on_export(seen: Inspection | None, kind: Any) -> Update:
    """The numbers behind the maps at full precision, as a file for the browser to save."""
    from blip2core.explain.export import file_name, trace_json, trace_npz

    if seen is None:
        return failed("look", f"{LOOK_FIRST}.")
    kind = "json" if kind == "json" else "npz"
    data = trace_json(seen.trace).encode() if kind == "json" else trace_npz(seen.trace)
    name = file_name(seen.trace.text, kind)
    return gr.update(file={"name": name, "data": base64.b64encode(data).decode()})
