"""The tab that looks inside: where the queries attend, drawn by the browser from one message."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import gradio as gr

from app.chat.conversation import ChatTurn, conversation_of
from app.chat.features import generator_features
from app.chat.image import ChatImage
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
from app.workbench.events import MODEL_EVENT, PRIVATE_EVENT, SKIP, Update, components_named
from app.workbench.inside_tab.explorer import build_explorer
from app.workbench.shared_components import SharedComponents
from blip2core.bundled import SAMPLES
from blip2core.chat import prompt_for
from blip2core.config import DecodeConfig
from blip2core.errors import ConfigError
from blip2core.images import open_image
from blip2core.models.specs import find_spec
from blip2core.records import Conversation
from blip2core.texts import clean_text, count_of

EXAMPLE = SAMPLES / "example-inside.json"
"""A finished look, shown before there is an image or a model. See explorer/write_example.py."""
EXAMPLE_NOTE = "A finished example. Look inside to make it anew, or choose an image of your own."
TEXT_LABEL = "A text about the image"
TEXT_HINT = "Empty: its caption"
ENDED = {"state": "ended"}
"""The finding that nothing goes on any more. Not None, which an update cannot say."""
LOOK_FIRST = "Press “Look inside” first"


class LookUpdate(NamedTuple):
    """New values while the model is looked into."""

    seen: Update = SKIP
    explorer: Update = SKIP


class BoxUpdate(NamedTuple):
    """New values of the text box and the explorer where a look begins or ends."""

    text: Update
    explorer: Update


@dataclass(frozen=True, slots=True, kw_only=True)
class InsideTab:
    """The components of the tab."""

    session: gr.State
    """The visitor's `ChatSession`."""
    seen: gr.State
    """The `Inspection` that the explorer shows, or None."""
    text: gr.Textbox
    """The text about the image; its button begins and stops a look."""
    answer: gr.Button
    """Puts the latest answer into the text box."""
    explorer: gr.HTML


def build_inside_tab(services: Services, shared: SharedComponents) -> None:
    """Draw and wire the tab inside the page that is being built."""
    with gr.Row(elem_id="inside-ask"):
        text = gr.Textbox(
            label=TEXT_LABEL,
            placeholder=TEXT_HINT,
            submit_btn="Look inside",
            max_length=2000,
            scale=1,
            min_width=240,
            elem_id="inside-text",
        )
        answer = gr.Button("Use the latest answer", size="sm", elem_id="inside-answer", scale=0)
    tab = InsideTab(
        session=shared.session,
        seen=gr.State(None),
        text=text,
        answer=answer,
        explorer=build_explorer(example()),
    )
    _wire_looking(tab, services, shared)
    _wire_explorer(tab, services)


def _wire_looking(tab: InsideTab, services: Services, shared: SharedComponents) -> None:
    session, panel = tab.session, shared.panel
    look = components_named(LookUpdate._fields, tab)
    box = components_named(BoxUpdate._fields, tab)
    panel.caption.change(on_caption, panel.caption, tab.text, queue=False, **PRIVATE_EVENT)
    panel.topic.change(on_topic, session, look, **PRIVATE_EVENT)
    tab.answer.click(on_use_answer, [session, tab.text], tab.text, **PRIVATE_EVENT)
    requested = panel.inspected_text.change(on_inspected_text, session, tab.text, **PRIVATE_EVENT)
    looked = []
    for started in (
        tab.text.submit(on_start, session, box, **PRIVATE_EVENT),
        requested.success(on_start, session, box, **PRIVATE_EVENT),
    ):
        looks = started.success(
            partial(on_look, services), [session, tab.text], look, **MODEL_EVENT
        )
        looks.success(idle_box, None, tab.text, **PRIVATE_EVENT)
        looks.failure(idle_box, None, tab.text, **PRIVATE_EVENT)
        looked.append(looks)
    tab.text.stop(on_stop_look, None, box, cancels=looked, **PRIVATE_EVENT)


def _wire_explorer(tab: InsideTab, services: Services) -> None:
    def test(
        session: ChatSession, seen: Inspection | None, event: gr.EventData
    ) -> Iterator[Update]:
        yield from on_test(services, session, seen, event_values(event))

    def mask(
        session: ChatSession, seen: Inspection | None, event: gr.EventData
    ) -> Iterator[Update]:
        yield from on_mask(services, session, seen, event_values(event))

    def export(seen: Inspection | None, event: gr.EventData) -> Update:
        return on_export_trace(seen, event_values(event).get("kind"))

    explorer, known = tab.explorer, [tab.session, tab.seen]
    tested = explorer.test(test, known, explorer, **MODEL_EVENT)
    masked = explorer.mask(mask, known, explorer, **MODEL_EVENT)
    explorer.halt(ended_update, None, explorer, cancels=[tested, masked], **PRIVATE_EVENT)
    explorer.export(export, tab.seen, explorer, **PRIVATE_EVENT)


def example() -> dict[str, Any] | None:
    """Return the shipped example; None where it is missing."""
    if not EXAMPLE.is_file():
        return None
    stack: dict[str, Any] = json.loads(EXAMPLE.read_text("utf-8"))
    return stack | {"note": EXAMPLE_NOTE, "example": True}


# The text


def on_caption(caption: str) -> Update:
    """Show the caption as what an empty box stands for; the visitor may be typing a text."""
    return gr.update(placeholder=f"{TEXT_HINT}, {caption}" if caption else TEXT_HINT)


def on_use_answer(session: ChatSession, text: str) -> str:
    """Return the latest answer, or the text in the box where there is none."""
    answered = latest_answered(session)
    return answered.answer if answered else text


def latest_answered(session: ChatSession) -> ChatTurn | None:
    """Return the latest question that has an answer."""
    return next((turn for turn in reversed(session.turns) if turn.has_answer), None)


def on_inspected_text(session: ChatSession) -> Update:
    """Put the text from a table of another tab into the box."""
    return gr.update(value=session.inspected_text)


# Looking


def on_topic(session: ChatSession) -> LookUpdate:
    """Clear what is shown of another image; on arrival show the shipped example."""
    arrived = session.stored is not None and session.stored.kind == "example"
    return LookUpdate(
        seen=None, explorer=gr.update(value=example() if arrived else None, findings=ENDED)
    )


def on_start(session: ChatSession) -> BoxUpdate:
    """Show at once that a look waits for the model, or why there is nothing to look into."""
    if problem := session.obstacle:
        return BoxUpdate(idle_box(), failed_update("look", problem))
    box = gr.update(submit_btn=False, stop_btn="Stop")
    return BoxUpdate(box, running_update("look", "Waiting for the model"))


def on_look(services: Services, session: ChatSession, text: str) -> Iterator[LookUpdate]:
    """Trace image and text, and send everything that can be drawn of the trace.

    No text means the caption, which an earlier event of the same queue has written.
    """
    if session.obstacle:
        yield LookUpdate()
        return
    try:
        yield from _look(services, session, clean_text(text))
    except Exception as error:
        message = error_message(error, "Could not look inside")
        yield LookUpdate(explorer=failed_update("look", message))


def _look(services: Services, session: ChatSession, text: str) -> Iterator[LookUpdate]:
    model = session.model  # another one may be chosen meanwhile
    pair = services.engine.pair(model)
    for _ in wait_until_loaded(pair.loading, pair.loading_matcher()):
        yield LookUpdate(explorer=running_update("look", "The model is loading"))
    image = session.current_image()
    features = generator_features(services.engine, session, image, model)
    text = text or image.caption
    if not text:
        problem = "There is no caption yet: type a text about the image."
        yield LookUpdate(explorer=failed_update("look", problem))
        return
    asked = asked_of(services, session, model, text)
    given = (features, open_image(image.data), image.key, text, asked)
    with closing(services.engine.each(inspect_image, model, *given)) as steps:
        for step in steps:
            if not session.is_about(image):
                return
            if step.result is None:
                yield LookUpdate(explorer=step_update("look", step))
            else:
                seen, stack = step.result
                stack |= why_of(session, model, text)
                yield LookUpdate(seen, gr.update(value=stack, findings=ENDED))


def answer_in_question(session: ChatSession, text: str) -> ChatTurn | None:
    """Return the turn of which the visitor asked why, while the text is still its answer."""
    turn = session.questioned_turn
    return turn if turn is not None and clean_text(turn.answer) == text else None


def why_of(session: ChatSession, model: str, text: str) -> dict[str, Any]:
    """Return what the explorer shows of an answer in question: that it opens with its words, and
    what it was an answer to.
    """
    turn = answer_in_question(session, text)
    if turn is None:
        return {}
    before = conversation_of(session.turns[: session.turns.index(turn)])
    sent = len(before.turns) - len(turn.dropped)
    after = f", sent with {count_of(sent, 'turn')} before it" if sent > 0 else ""
    by = ""
    if turn.model and turn.model != find_spec(model).name:
        by = f" The answer is by {turn.model}; what you see is how {model} reads it."
    note = (
        f"“{turn.answer}” answered “{turn.question}”{after}. Each word of it rests on the patches "
        f"of its map and on the words of the prompt; a word says how much of its attention lay on "
        f"the image.{by}"
    )
    return {"why": True, "note": note}


def asked_of(
    services: Services, session: ChatSession, model: str, text: str = ""
) -> ExplainedAnswer:
    """Return the question with its answer of which the visitor asked why, else the latest one, as
    the model read it; else the caption.
    """
    generator = services.engine.pair(model).generator
    turn = answer_in_question(session, text) or latest_answered(session)
    if turn is None:
        caption = session.image.caption if session.image else ""
        return ExplainedAnswer(question="", prompt=generator.spec.template.caption, answer=caption)
    settings = turn.settings
    template = settings.template(generator.spec.template)
    asked = (Conversation(), turn.question, settings.decode, template)
    prompt = turn.prompt or prompt_for(generator, *asked).text
    return ExplainedAnswer(question=turn.question, prompt=prompt, answer=turn.answer)


# Testing a map, asking without patches

Steps = Generator[TaskProgress, None, None]


def on_test(
    services: Services, session: ChatSession, seen: Inspection | None, shown: Any
) -> Iterator[Update]:
    """Measure the map on screen against chance, step by step."""

    def begin(image: ChatImage, seen: Inspection) -> Steps:
        method, focus = focus_of(seen.trace, shown)
        return services.engine.each(measure_map, session.model, seen, method, focus)

    yield from _follow("test", "Not tested", session, seen, begin)


def on_mask(
    services: Services, session: ChatSession, seen: Inspection | None, sent: Any
) -> Iterator[Update]:
    """Ask for answer and scores again, without the patches that were hidden."""

    def begin(image: ChatImage, seen: Inspection) -> Steps:
        decode = DecodeConfig(max_new_tokens=services.settings.usual_new_tokens)
        given = (image.features, seen, patches_of(seen.trace, sent), decode)
        return services.engine.each(answer_without_patches, session.model, *given)

    yield from _follow("mask", "Not asked", session, seen, begin)


def _follow(
    kind: str,
    failure: str,
    session: ChatSession,
    seen: Inspection | None,
    begin: Callable[[ChatImage, Inspection], Steps],
) -> Iterator[Update]:
    """Yield findings for the explorer while `begin` works on the image that it shows."""
    image = session.image
    try:
        if seen is None or image is None or image.key != seen.key:
            raise ConfigError(LOOK_FIRST)
        with closing(begin(image, seen)) as steps:
            for step in steps:
                yield step_update(kind, step)
    except Exception as error:
        yield failed_update(kind, error_message(error, failure))


# What is shown


def idle_box() -> Update:
    """Return the text box as it is when nothing runs."""
    return gr.update(submit_btn="Look inside", stop_btn=False)


def on_stop_look() -> BoxUpdate:
    """Show that the look was stopped."""
    return BoxUpdate(idle_box(), ended_update())


def ended_update() -> Update:
    """Return the finding that nothing goes on any more."""
    return gr.update(findings=ENDED)


def running_update(kind: str, what: str) -> Update:
    """Return the finding that something goes on, for an unknown time."""
    return step_update(kind, TaskProgress(done=0, total=0, what=what))


def step_update(kind: str, step: TaskProgress) -> Update:
    """Return the progress of a piece of work as a finding, or its result."""
    if step.result is not None:
        return gr.update(findings={"kind": kind, "state": "done", "result": step.result})
    progress = {"done": step.done, "total": step.total, "what": step.what}
    return gr.update(findings={"kind": kind, "state": "running", **progress})


def failed_update(kind: str, message: str) -> Update:
    """Return the finding why there is no result."""
    return gr.update(findings={"kind": kind, "state": "failed", "message": message})


def on_export_trace(seen: Inspection | None, kind: Any) -> Update:
    """Give the browser a file to save: the numbers behind the maps at full precision."""
    from blip2core.explain.export import file_name, trace_json, trace_npz

    if seen is None:
        return failed_update("look", f"{LOOK_FIRST}.")
    kind = "json" if kind == "json" else "npz"
    data = trace_json(seen.trace).encode() if kind == "json" else trace_npz(seen.trace)
    name = file_name(seen.trace.text, kind)
    return gr.update(file={"name": name, "data": base64.b64encode(data).decode()})
