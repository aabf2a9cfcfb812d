"""Talk about one picture: its caption comes by itself, answers stream in."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from html import escape
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import gradio as gr

from app.services import Services
from app.transcript import Message, transcript
from app.visit import Entry, Picture, Visit
from blip2core.chat import prompt_for, reply
from blip2core.config import DecodeConfig
from blip2core.errors import Blip2Error, ImageError
from blip2core.images import content_hash, open_image

if TYPE_CHECKING:
    from blip2core.models.generator import Generator

log = logging.getLogger(__name__)

SAMPLES = Path(__file__).parents[2] / "data" / "samples"
EXAMPLES = "*-1.png"
"""Sample pictures offered as cards: one of each place."""
SHOWN_SIDE = 768
"""Longer edge, in pixels, of a picture as the page shows it."""
POLL_SECONDS = 0.2
"""How often something that waits for the model looks whether it is there."""
QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
MODEL_LANE: dict[str, Any] = {
    **QUIET,
    "concurrency_id": "model",
    "concurrency_limit": 1,
    "trigger_mode": "multiple",
}
"""Every event that uses the model shares one lane, so it never runs twice at the same time. One
that comes while another of its kind is ending waits for it, and is not dropped by the browser."""
Update = Any
"""What Gradio takes for a component: a value, or gr.update(...)."""


def build_chat_tab(services: Services) -> gr.Blocks:
    """The tab. Runs alone with `build_chat_tab(services).launch()`."""
    with gr.Blocks(analytics_enabled=False) as tab:
        ui = SimpleNamespace(visit=gr.State(Visit()))
        with gr.Row(elem_id="chat-tab"):
            with gr.Column(scale=2, min_width=320):
                _draw_picture_side(ui)
            with gr.Column(scale=3, min_width=320):
                _draw_talk_side(ui)
        _wire_picture(ui, services)
        _wire_talk(ui, services)
    return tab


def _draw_picture_side(ui: SimpleNamespace) -> None:
    ui.picture = gr.Image(
        label="Picture",
        placeholder="Drop, paste or choose a picture",
        sources=["upload"],  # keys.html adds pasting, wherever the cursor is
        buttons=[],
        height=300,
        elem_id="picture",
    )
    ui.notice = gr.HTML(elem_id="notice", container=False)
    with gr.Column(visible=False, elem_id="decision") as ui.decision:
        gr.HTML("A new picture starts a new conversation; the one so far will be cleared.")
        with gr.Row():
            ui.accept = gr.Button("Start with the new picture", variant="primary", size="sm")
            ui.keep = gr.Button("Keep the old one", size="sm")
    ui.caption = gr.Textbox(
        label="Caption",
        placeholder="Comes by itself when there is a picture.",
        interactive=False,
        lines=2,
        elem_id="caption",
    )
    samples = sorted(SAMPLES.glob(EXAMPLES))
    with gr.Row(elem_id="examples", visible=bool(samples)):
        ui.examples = {
            path: gr.Button(f"Example {number}", icon=path, size="sm", min_width=60)
            for number, path in enumerate(samples, 1)
        }


def _draw_talk_side(ui: SimpleNamespace) -> None:
    ui.chat = gr.Chatbot(
        label="Conversation",
        placeholder="Ask about the picture; the answers know what was said before.",
        buttons=[],
        height=420,
        layout="bubble",
        render_markdown=False,
        group_consecutive_messages=False,
        allow_tags=False,
        feedback_options=None,
        elem_id="chat",
    )
    ui.question = gr.Textbox(
        label="Your question",
        placeholder="What animal is there?",
        submit_btn="Ask",
        max_length=2000,
        elem_id="question",
    )
    with gr.Row(elem_id="talk-bar"):
        gr.HTML("<kbd>/</kbd> to type, <kbd>Esc</kbd> to stop", elem_id="keys", container=False)
        ui.fresh = gr.Button("New conversation", size="sm", elem_id="fresh", scale=0)
    with gr.Accordion("What the model reads", open=False):
        ui.prompt = gr.Textbox(
            label="Prompt of the latest question, after the picture",
            interactive=False,
            lines=3,
            elem_id="prompt",
        )


def _wire_picture(ui: SimpleNamespace, services: Services) -> None:
    # The visit is an output although it stays the same: what was set is deleted after the visit.
    screen = [ui.visit, ui.picture, ui.caption, ui.decision, ui.notice, ui.chat, ui.question]
    upload = ui.picture.upload(
        on_upload,
        [ui.visit, ui.picture],
        screen,
        preprocess=False,  # Gradio would open the file itself, and keep to itself what is wrong
        **QUIET,
    )
    decided = [
        ui.accept.click(on_accept, ui.visit, screen, **QUIET),
        ui.keep.click(on_keep, ui.visit, screen, **QUIET),
    ]
    chosen = [
        button.click(partial(on_example, path), ui.visit, screen, **QUIET)
        for path, button in ui.examples.items()
    ]
    for event in (upload, *chosen, *decided):
        event.success(partial(look, services), ui.visit, [ui.caption, ui.notice], **MODEL_LANE)
    # Not .clear(), which says nothing when a file that is too large empties the field.
    ui.picture.change(on_change, [ui.visit, ui.picture], screen, preprocess=False, **QUIET)


def _wire_talk(ui: SimpleNamespace, services: Services) -> None:
    talk = [ui.chat, ui.question]
    asked = ui.question.submit(on_ask, [ui.visit, ui.question], [*talk, ui.notice], **QUIET)
    answered = asked.success(
        partial(respond, services), ui.visit, [ui.chat, ui.prompt], **MODEL_LANE
    )
    # Never .then(): after a failed event the browser runs .failure() listeners only.
    answered.success(show_talk, ui.visit, talk, **QUIET)
    answered.failure(on_stop, ui.visit, talk, **QUIET)
    ui.question.stop(on_stop, ui.visit, talk, **QUIET)
    gr.on([ui.fresh.click, ui.chat.clear], on_fresh, ui.visit, talk, **QUIET)


# Pictures


def on_upload(visit: Visit, upload: dict[str, Any] | None) -> tuple[Update, ...]:
    """A file came from the visitor; Gradio has checked that its path is an upload."""
    if upload is None:
        return show(visit)
    return _receive(visit, upload["path"], str(upload.get("orig_name") or "This file"))


def on_example(path: Path, visit: Visit) -> tuple[Update, ...]:
    """A sample card was pressed."""
    return _receive(visit, path, path.name)


def _receive(visit: Visit, path: str | Path, name: str) -> tuple[Update, ...]:
    try:
        image = open_image(Path(path).read_bytes())  # bytes have no path that a message could show
    except ImageError as error:
        return show(visit, f"{name}: {error}")
    shown = image.copy()
    shown.thumbnail((SHOWN_SIDE, SHOWN_SIDE))
    visit.receive(Picture(key=content_hash(image), shown=shown, pixels=image))
    return show(visit)


def on_accept(visit: Visit) -> tuple[Update, ...]:
    """The visitor lets the new picture end the conversation."""
    visit.accept()
    return show(visit)


def on_keep(visit: Visit) -> tuple[Update, ...]:
    """The visitor stays with the old picture."""
    visit.keep()
    return show(visit)


def on_change(visit: Visit, upload: dict[str, Any] | None) -> Update:
    """The picture on screen is another one, or none any more."""
    if upload is not None or visit.picture is None:
        return gr.skip()
    visit.remove()
    left = "You still talk about the picture you removed, until there is a new one."
    visit, _, *rest = show(visit, left if visit.picture else "")
    # The field itself is left alone: dropping a picture on another one empties it first.
    return (visit, gr.skip(), *rest)


def look(services: Services, visit: Visit) -> Iterator[tuple[str, Update]]:
    """Encode the picture and caption it, each once; yields the caption and a notice."""
    picture = visit.picture
    if picture is None or picture.caption or visit.offered:
        yield _caption_of(visit), gr.skip()
        return
    try:
        for _ in _until_loaded(services):
            yield "The model is loading; the caption will come by itself.", gr.skip()
        generator = services.generator.result()
        picture = _encoded(generator, visit, picture)
        prompt, caption = generator.spec.template.caption, ""
        words = generator.stream(picture.features, prompt, decode=_decode(services))
        with closing(words):
            for caption in words:
                if visit.offered or not visit.is_about(picture):
                    return  # another picture came, and is looked at next
                yield caption, gr.skip()
        visit.learn(replace(picture, caption=caption))
        yield _caption_of(visit), gr.skip()
    except Exception as error:
        yield "", _notice(_explain(error, "No caption"))


def _encoded(generator: Generator, visit: Visit, picture: Picture) -> Picture:
    """The picture with its features; the image encoder runs once for each picture of a visit."""
    if picture.features is None:
        picture = replace(picture, features=generator.encode([picture.pixels]), pixels=None)
        visit.learn(picture)
    return picture


# Questions


def on_ask(visit: Visit, question: str) -> tuple[Update, ...]:
    """A question was sent: it appears at once, `respond` answers it."""
    if visit.offered is not None:
        problem = "First say whether the new picture may start a new conversation."
    elif visit.picture is None:
        problem = "Choose a picture first."
    elif not question.strip():
        problem = "Type a question first."
    else:
        problem = "Wait for the answer, or stop it." if visit.open_entry else ""
    if problem:
        return (*show_talk(visit), _notice(problem))
    visit.ask(question.strip())
    return transcript(visit), _question_box(visit, value=""), _notice("")


def respond(services: Services, visit: Visit) -> Iterator[tuple[list[Message], Update]]:
    """Answer the open question; yields the conversation and the prompt that was read."""
    entry, prompt = visit.open_entry, gr.skip()
    if entry is not None:
        try:
            for prompt in _answer(services, visit, entry):
                yield transcript(visit), prompt
        except Exception as error:
            visit.change(entry.number, state="failed", answer=_explain(error, "No answer"))
    yield transcript(visit), prompt


def _answer(services: Services, visit: Visit, entry: Entry) -> Iterator[str]:
    """Lets the entry grow until it is answered or nobody waits for it; yields the prompt."""
    for _ in _until_loaded(services):
        if not visit.change(entry.number, state="loading"):
            return
        yield ""
    generator, decode = services.generator.result(), _decode(services)
    picture = _encoded(generator, visit, visit.picture)
    talk = visit.conversation
    prompt = prompt_for(generator, talk, entry.question, decode)
    visit.change(entry.number, state="answering", dropped=prompt.dropped)
    yield prompt.text
    words = reply(generator, picture.features, talk, entry.question, decode=decode, stop=entry.stop)
    with closing(words):
        for answer in words:
            if not visit.change(entry.number, answer=answer):
                return
            yield prompt.text
    visit.change(entry.number, state="answered")


def on_stop(visit: Visit) -> tuple[Update, ...]:
    """Nobody waits for the answer any more: what there is of it stays."""
    visit.stop()
    return show_talk(visit)


def on_fresh(visit: Visit) -> tuple[Update, ...]:
    """Start again with the same picture."""
    visit.clear()
    return show_talk(visit)


# What is shown


def show(visit: Visit, notice: str = "") -> tuple[Update, ...]:
    """Everything that depends on the picture, and the conversation."""
    picture = visit.offered or visit.picture
    return (
        visit,
        picture.shown if picture else None,
        _caption_of(visit),
        gr.update(visible=visit.offered is not None),
        _notice(notice),
        *show_talk(visit),
    )


def show_talk(visit: Visit) -> tuple[list[Message], Update]:
    """The conversation, and the question box."""
    return transcript(visit), _question_box(visit)


def _question_box(visit: Visit, **changes: Any) -> Update:
    """The box with the button that applies: Ask or Stop."""
    if visit.open_entry is None:
        return gr.update(submit_btn="Ask", stop_btn=False, **changes)
    return gr.update(submit_btn=False, stop_btn="Stop", **changes)


def _caption_of(visit: Visit) -> str:
    return visit.picture.caption if visit.picture and not visit.offered else ""


def _notice(text: str) -> str:
    return f'<p role="alert">{escape(text)}</p>' if text else ""


def _explain(error: Exception, what: str) -> str:
    """Our own errors are written for the reader; others go to the log under a reference."""
    if isinstance(error, Blip2Error):
        return f"{what}: {error}"
    reference = secrets.token_hex(2)
    log.error("%s, reference %s", what, reference, exc_info=error)
    return f"{what} (reference {reference}). Try again, or ask something else."


def _decode(services: Services) -> DecodeConfig:
    return DecodeConfig(max_new_tokens=services.settings.max_new_tokens)


def _until_loaded(services: Services) -> Iterator[None]:
    """Yields while the model is still loading."""
    while not services.generator.done():
        yield
        time.sleep(POLL_SECONDS)
