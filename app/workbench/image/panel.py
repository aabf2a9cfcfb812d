"""The image at the left of every tab: drop zone, examples, caption, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr

from app.chat.features import generator_features
from app.chat.image import image_from
from app.chat.session import ChatSession
from app.inference.failures import error_message
from app.inference.features import write_caption
from app.inference.pool import wait_until_loaded
from app.services import Services
from app.workbench.events import MODEL_EVENT, PRIVATE_EVENT, Update
from app.workbench.image.notes import image_notes
from app.workbench.image.uploaded_files import read_upload
from app.workbench.messages import alert_html
from blip2core.bundled import SAMPLES
from blip2core.config import DecodeConfig
from blip2core.errors import ImageError

EXAMPLES, CARDS = "*-1.png", 3
"""Sample images offered as cards: one of each place, of the first places."""
CHOOSE_SCRIPT = "() => document.querySelector('#image input[type=file]')?.click()"


def build_panel(services: Services, session: gr.State) -> SimpleNamespace:
    """Draws and wires the panel inside the page that is being built.

    `.topic` is a gr.State that names what is talked about: a tab that shows something of the
    image listens to its `.change`. `.probe` is one that holds the text to look inside the model
    with, after `visit.probe`. `.caption` is the caption's text box; `.screen` are the components
    that `show` fills, for a tab that brings another image.
    """
    arrival: ChatSession = session.value
    ui = SimpleNamespace(
        session=session, topic=gr.State(arrival.topic), inspected_text=gr.State("")
    )
    ui.image = gr.Image(
        arrival.image.shown if arrival.image else None,
        label="Image",
        placeholder="Drop, paste or choose an image",
        sources=["upload"],  # keys.js adds pasting, wherever the cursor is
        buttons=[],
        height=250,
        elem_id="image",
    )
    ui.choose = gr.Button("Drop, paste or choose an image", size="sm", elem_id="choose")
    ui.notice = gr.HTML(elem_id="notice", container=False)
    with gr.Column(visible=False, elem_id="decision") as ui.decision:
        gr.HTML("A new image starts a new conversation; the one so far will be cleared.")
        with gr.Row():
            ui.accept = gr.Button("Start with the new image", variant="primary", size="sm")
            ui.keep = gr.Button("Keep the old one", size="sm")
    ui.caption = gr.Textbox(
        _caption_of(arrival),
        label="Caption",
        placeholder="Comes by itself when there is an image.",
        interactive=False,
        lines=1,
        max_lines=3,
        elem_id="caption",
    )
    samples = sorted(SAMPLES.glob(EXAMPLES))[:CARDS]
    gr.set_static_paths(samples)  # else they are swept away with the visitors' uploads
    with gr.Row(elem_id="examples", visible=bool(samples)):
        ui.examples = {
            path: gr.Button(card_label(number, path), icon=path, size="sm", min_width=60)
            for number, path in enumerate(samples, 1)
        }
    _wire(ui, services)
    return ui


def card_label(number: int, path: Path) -> str:
    """Sample number 1, beach-1.png -> Example 1: beach."""
    return f"Example {number}: {path.stem.partition('-')[0]}"


def _wire(ui: SimpleNamespace, services: Services) -> None:
    # The visit is an output although it stays the same: what was set is deleted after the visit.
    screen = [ui.session, ui.image, ui.caption, ui.decision, ui.notice, ui.topic]
    ui.screen = screen
    ui.choose.click(None, js=CHOOSE_SCRIPT, **PRIVATE_EVENT)
    upload = ui.image.upload(
        on_upload,
        [ui.session, ui.image],
        screen,
        preprocess=False,  # Gradio would open the file itself, and keep to itself what is wrong
        **PRIVATE_EVENT,
    )
    decided = [
        ui.accept.click(on_accept, ui.session, screen, **PRIVATE_EVENT),
        ui.keep.click(on_keep_image, ui.session, screen, **PRIVATE_EVENT),
    ]
    chosen = [
        button.click(partial(on_example, path), ui.session, screen, **PRIVATE_EVENT)
        for path, button in ui.examples.items()
    ]
    for event in (upload, *chosen, *decided):
        event.success(
            partial(caption_image, services), ui.session, [ui.caption, ui.notice], **MODEL_EVENT
        )
    # Not .clear(), which says nothing when a file that is too large empties the field.
    ui.image.change(on_change, [ui.session, ui.image], screen, preprocess=False, **PRIVATE_EVENT)


def on_upload(session: ChatSession, upload: dict[str, Any] | None) -> tuple[Update, ...]:
    """A file came from the visitor; Gradio has checked that its path is an upload."""
    if upload is None:
        return show_panel(session)
    name = str(upload.get("orig_name") or "This file")
    try:
        return _receive(session, read_upload(upload["path"]), name)
    except ImageError as error:
        return show_panel(session, f"{name}: {error}")


def on_example(path: Path, session: ChatSession) -> tuple[Update, ...]:
    """A sample card was pressed."""
    return _receive(session, path.read_bytes(), path.name)


def _receive(session: ChatSession, data: bytes, name: str) -> tuple[Update, ...]:
    try:
        image = image_from(data, name)
    except ImageError as error:
        return show_panel(session, f"{name}: {error}")
    session.receive(image)
    return show_panel(session, image_notes(image.data))


def on_accept(session: ChatSession) -> tuple[Update, ...]:
    """The visitor lets the new image end the conversation."""
    session.accept()
    return show_panel(session)


def on_keep_image(session: ChatSession) -> tuple[Update, ...]:
    """The visitor stays with the old image."""
    session.keep()
    return show_panel(session)


def on_change(session: ChatSession, upload: dict[str, Any] | None) -> Update:
    """The image on screen is another one, or none any more."""
    if upload is not None or session.image is None:
        return gr.skip()
    session.remove()
    left = "You still talk about the image that was here, until there is a new one."
    session, _, *rest = show_panel(session, left if session.image else "")
    # The field itself is left alone: dropping an image on another one empties it first.
    return (session, gr.skip(), *rest)


def caption_image(services: Services, session: ChatSession) -> Iterator[tuple[Update, Update]]:
    """Encode the image and caption it, each once; yields the caption and a notice."""
    image = session.image
    if image is None or image.caption or session.offered:
        yield _caption_of(session), gr.skip()
        return
    try:
        for _ in wait_until_loaded(services.engine.pair(session.model).loading):
            yield "The model is loading; the caption will come by itself.", gr.skip()
        features = generator_features(services.engine, session, image)
        decode = DecodeConfig(max_new_tokens=services.settings.usual_new_tokens)
        caption = ""
        words = services.engine.each(write_caption, session.model, features, decode)
        with closing(words):
            for caption in words:
                if session.offered or not session.is_about(image):
                    return  # another image came, and is looked at next
                yield caption, gr.skip()
        session.learn(replace(image, features=features, caption=caption))
        yield _caption_of(session), gr.skip()
    except Exception as error:
        yield "", alert_html(error_message(error, "No caption"))


def show_panel(session: ChatSession, words: str = "") -> tuple[Update, ...]:
    """Everything in the panel, with a message; last the topic, which the tabs listen to."""
    image = session.offered or session.image
    return (
        session,
        image.shown if image else None,
        _caption_of(session),
        gr.update(visible=session.offered is not None),
        alert_html(words),
        session.topic,
    )


def _caption_of(session: ChatSession) -> str:
    return session.image.caption if session.image and not session.offered else ""
