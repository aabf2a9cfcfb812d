"""The image at the left of every tab: drop zone, examples, caption, and problems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
from gradio.components import Component

from app.chat.features import generator_features
from app.chat.image import image_from
from app.chat.session import ChatSession
from app.chat.text_writer import TextWriter
from app.inference.failures import error_message
from app.inference.features import write_caption
from app.inference.pool import wait_until_loaded
from app.metrics import note_refused_input
from app.services import Services
from app.workbench.events import MODEL_EVENT, PRIVATE_EVENT, SKIP, Update, components_named
from app.workbench.image.doubt_line import find_doubt_html, known_doubt_html
from app.workbench.image.notes import image_notes
from app.workbench.image.uploaded_files import read_upload
from app.workbench.messages import alert_html
from blip2core.bundled import SAMPLES
from blip2core.config import CaptionConfig, DecodeConfig
from blip2core.errors import ImageError

EXAMPLES, CARDS = "*-1.png", 3
"""Sample images offered as cards: one of each place, of the first places."""
CHOOSE_SCRIPT = "() => document.querySelector('#image input[type=file]')?.click()"


class PanelUpdate(NamedTuple):
    """New values of the components of the panel."""

    session: Update = SKIP
    """An output although it stays the same object: Gradio deletes what was set when the visitor
    leaves."""
    image: Update = SKIP
    caption: Update = SKIP
    decision: Update = SKIP
    notice: Update = SKIP
    doubt: Update = SKIP
    topic: Update = SKIP
    """Last, as the tabs listen to it."""


class CaptionUpdate(NamedTuple):
    """New values while the image is captioned."""

    caption: Update = SKIP
    notice: Update = SKIP
    doubt: Update = SKIP


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePanel:
    """The components of the panel."""

    session: gr.State
    """The visitor's `ChatSession`."""
    topic: gr.State
    """Names what is talked about: a tab that shows something of the image listens to its
    `.change`."""
    inspected_text: gr.State
    """The text to look inside the model with, after `ChatSession.inspected_text`; the tab that
    looks inside listens to its `.change`."""
    image: gr.Image
    choose: gr.Button
    """Opens the browser's choice of files."""
    notice: gr.HTML
    """A message about the latest image."""
    doubt: gr.HTML
    """The warning where the image is unlike anything the model has seen."""
    decision: gr.Column
    """Shown while a new image waits for the visitor's decision."""
    accept: gr.Button
    keep: gr.Button
    caption: gr.Textbox
    examples: Mapping[Path, gr.Button]
    """Sample image -> its card."""

    @property
    def outputs(self) -> list[Component]:
        """The components that a `PanelUpdate` fills, for a tab that brings another image."""
        return components_named(PanelUpdate._fields, self)

    @property
    def caption_outputs(self) -> list[Component]:
        """The components that a `CaptionUpdate` fills."""
        return components_named(CaptionUpdate._fields, self)


def build_panel(services: Services, session: gr.State) -> ImagePanel:
    """Draw and wire the panel inside the page that is being built."""
    arrival: ChatSession = session.value
    image = gr.Image(
        arrival.image.shown if arrival.image else None,
        label="Image",
        placeholder="Drop, paste or choose an image",
        sources=["upload"],  # keys.js adds pasting, wherever the cursor is
        buttons=[],
        height=250,
        elem_id="image",
    )
    choose = gr.Button("Drop, paste or choose an image", size="sm", elem_id="choose")
    notice = gr.HTML(elem_id="notice", container=False)
    doubt = gr.HTML(elem_id="doubt", container=False)
    with gr.Column(visible=False, elem_id="decision") as decision:
        gr.HTML("A new image starts a new conversation; the one so far will be cleared.")
        with gr.Row():
            accept = gr.Button("Start with the new image", variant="primary", size="sm")
            keep = gr.Button("Go on with the old one", size="sm")
    caption = gr.Textbox(
        _caption_of(arrival),
        label="Caption",
        placeholder="Comes by itself when there is an image.",
        interactive=False,
        lines=1,
        max_lines=3,
        elem_id="caption",
    )
    panel = ImagePanel(
        session=session,
        topic=gr.State(arrival.topic),
        inspected_text=gr.State(""),
        image=image,
        choose=choose,
        notice=notice,
        doubt=doubt,
        decision=decision,
        accept=accept,
        keep=keep,
        caption=caption,
        examples=_build_cards(),
    )
    _wire(panel, services)
    return panel


def _build_cards() -> dict[Path, gr.Button]:
    samples = sorted(SAMPLES.glob(EXAMPLES))[:CARDS]
    gr.set_static_paths(samples)  # else they are swept away with the visitors' uploads
    with gr.Row(elem_id="examples", visible=bool(samples)):
        return {
            path: gr.Button(card_label(number, path), icon=path, size="sm", min_width=60)
            for number, path in enumerate(samples, 1)
        }


def card_label(number: int, path: Path) -> str:
    """Return the label of a card: sample number 1, beach-1.png -> Example 1: beach."""
    return f"Example {number}: {path.stem.partition('-')[0]}"


def _wire(panel: ImagePanel, services: Services) -> None:
    outputs = panel.outputs
    given = [panel.session, panel.image]
    panel.choose.click(None, js=CHOOSE_SCRIPT, **PRIVATE_EVENT)
    upload = panel.image.upload(
        on_upload,
        given,
        outputs,
        preprocess=False,  # Gradio would open the file itself, and report no reason of a failure
        **PRIVATE_EVENT,
    )
    decided = [
        panel.accept.click(on_accept, panel.session, outputs, **PRIVATE_EVENT),
        panel.keep.click(on_keep_image, panel.session, outputs, **PRIVATE_EVENT),
    ]
    chosen = [
        button.click(partial(on_example, path), panel.session, outputs, **PRIVATE_EVENT)
        for path, button in panel.examples.items()
    ]
    for event in (upload, *chosen, *decided):
        event.success(
            partial(caption_image, services),
            panel.session,
            panel.caption_outputs,
            **MODEL_EVENT,
        )
    # Not .clear(), which says nothing when a file that is too large empties the field.
    panel.image.change(on_image_field, given, outputs, preprocess=False, **PRIVATE_EVENT)


def on_upload(session: ChatSession, upload: dict[str, Any] | None) -> PanelUpdate:
    """Take a file from the visitor; `read_upload` checks its path."""
    if upload is None:
        return show_panel(session)
    name = str(upload.get("orig_name") or "This file")
    try:
        return receive_file(session, read_upload(upload["path"]), name, upload["path"])
    except ImageError as error:
        note_refused_input(error)
        return show_panel(session, f"{name}: {error}")


def on_example(path: Path, session: ChatSession) -> PanelUpdate:
    """Take the sample image whose card was pressed."""
    return receive_file(session, path.read_bytes(), path.name)


def receive_file(session: ChatSession, data: bytes, name: str, path: str = "") -> PanelUpdate:
    """Take the image in a file, or offer it; `path` is that of an upload."""
    try:
        image = image_from(data, name, path=path)
    except ImageError as error:
        note_refused_input(error)
        return show_panel(session, f"{name}: {error}")
    session.receive(image)
    return show_panel(session, image_notes(image.data))


def on_accept(session: ChatSession) -> PanelUpdate:
    """Let the new image end the conversation."""
    session.accept_offer()
    return show_panel(session)


def on_keep_image(session: ChatSession) -> PanelUpdate:
    """Stay with the old image."""
    session.decline_offer()
    return show_panel(session)


def on_image_field(session: ChatSession, upload: dict[str, Any] | None) -> PanelUpdate:
    """Remove the image from the session where the image field was emptied."""
    if upload is not None or session.image is None:
        return PanelUpdate()
    session.remove()
    left = "You still talk about the image that was here, until there is a new one."
    # The field itself is left alone: dropping an image on another one empties it first.
    return show_panel(session, left if session.image else "")._replace(image=SKIP)


def caption_image(services: Services, session: ChatSession) -> Iterator[CaptionUpdate]:
    """Encode the image and caption it, each once; yield the caption as it grows."""
    image = session.image
    if image is None or session.offered:
        yield CaptionUpdate(_caption_of(session))
        return
    model = session.model  # another one may be chosen while the caption grows
    try:
        if image.caption:
            yield CaptionUpdate(_caption_of(session), doubt=find_doubt_html(services, session))
            return
        for _ in wait_until_loaded(services.engine.pair(model).loading):
            yield CaptionUpdate("The model is loading; the caption will come by itself.")
        features = generator_features(services.engine, session, image, model)
        decode = DecodeConfig(max_new_tokens=services.settings.usual_new_tokens)
        caption = ""
        words = services.engine.each(write_caption, model, features, decode)
        with closing(words):
            for caption in words:
                if session.offered or not session.is_about(image):
                    return  # another image came, and is captioned next
                yield CaptionUpdate(caption)
        session.learn(image, features=features, caption=caption)
        generator = services.engine.pair(model).generator
        captions = CaptionConfig(num=1, decode=decode)
        writer = TextWriter(
            model=generator.spec.name, revision=generator.revision, captions=captions
        )
        session.note_written(image.key, [caption], writer)
        yield CaptionUpdate(_caption_of(session))
        if warning := find_doubt_html(services, session):  # else there is none on the page
            yield CaptionUpdate(doubt=warning)
    except Exception as error:
        yield CaptionUpdate("", alert_html(error_message(error, "No caption")))


def show_panel(session: ChatSession, message: str = "") -> PanelUpdate:
    """Return everything in the panel, with a message."""
    image = session.offered or session.image
    return PanelUpdate(
        session=session,
        image=image.shown if image else None,
        caption=_caption_of(session),
        decision=gr.update(visible=session.offered is not None),
        notice=alert_html(message),
        doubt=known_doubt_html(session),
        topic=session.topic,
    )


def _caption_of(session: ChatSession) -> str:
    return session.image.caption if session.image and not session.offered else ""
