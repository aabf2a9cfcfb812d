"""Save and load: a conversation as ZIP or Markdown, from a ZIP, and asked again."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from app.chat.archive import pack, unpack
from app.chat.archive_schema import saved
from app.chat.image import ChatImage
from app.chat.markdown import as_markdown
from app.chat.session import ChatSession
from app.services import Services
from app.shares import shares
from app.workbench.events import MODEL_EVENT, PRIVATE_EVENT, Update, components_named
from app.workbench.image.panel import ImagePanel, caption_image, show_panel
from app.workbench.image.uploaded_files import read_upload
from app.workbench.messages import alert_html
from blip2core.errors import Blip2Error, way_out

PRESS_DOWNLOAD = "() => document.querySelector('#download')?.click()"
"""A download button gives what it holds when pressed, so it is filled first, then pressed."""


class ExportUpdate(NamedTuple):
    """New values after an export."""

    download: str | None
    saving_message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SavingButtons:
    """The components that save and load."""

    export: gr.Button
    markdown: gr.Button
    load: gr.UploadButton
    saving_message: gr.HTML
    download: gr.DownloadButton
    """Hidden; a script presses it when it holds a file."""


def build_saving(services: Services, panel: ImagePanel) -> None:
    """Draw and wire the buttons inside the page that is being built."""
    gr.Markdown(
        "The export holds the image, and every question with its settings, seed, model, exact "
        "prompt, time and your feedback. Imported again, it can be replayed."
    )
    with gr.Row():
        export = gr.Button("Export", size="sm", min_width=100)
        markdown = gr.Button("Export as Markdown", size="sm", min_width=100)
        load = gr.UploadButton("Import", size="sm", min_width=100, file_types=[".zip"])
    buttons = SavingButtons(
        export=export,
        markdown=markdown,
        load=load,
        saving_message=gr.HTML(container=False, elem_classes="notice"),
        download=gr.DownloadButton("Download", visible="hidden", elem_id="download"),
    )
    _wire(buttons, services, panel)


def _wire(buttons: SavingButtons, services: Services, panel: ImagePanel) -> None:
    exported = components_named(ExportUpdate._fields, buttons)
    for button, export in (
        (buttons.export, on_export_zip),
        (buttons.markdown, on_export_markdown),
    ):
        written = button.click(export, panel.session, exported, **PRIVATE_EVENT)
        written.success(None, js=PRESS_DOWNLOAD, **PRIVATE_EVENT)
    loaded = buttons.load.upload(
        on_import,
        [panel.session, buttons.load],
        [*panel.outputs, buttons.saving_message],
        preprocess=False,
        **PRIVATE_EVENT,
    )
    loaded.success(
        partial(caption_image, services), panel.session, panel.caption_outputs, **MODEL_EVENT
    )


def on_export_zip(session: ChatSession) -> Iterator[ExportUpdate]:
    """Offer the conversation as a ZIP file."""
    image = session.image
    if image is None or not session.turns:
        yield _NOTHING
        return
    yield from _offer(image, ".zip", pack(image, session.turns))


def on_export_markdown(session: ChatSession) -> Iterator[ExportUpdate]:
    """Offer the conversation as a file to read."""
    image = session.image
    if image is None or not session.turns:
        yield _NOTHING
        return
    text = as_markdown(saved(image, "image.png", session.turns))
    yield from _offer(image, ".md", text.encode())


_NOTHING = ExportUpdate(None, '<p role="status">There is no conversation to save yet.</p>')


def _offer(image: ChatImage, suffix: str, content: bytes) -> Iterator[ExportUpdate]:
    """Yield a file for the download button; Gradio has its own copy when this goes on."""
    if told := shares().take_room(len(content)):
        yield ExportUpdate(None, alert_html(told))
        return
    stem = re.sub(r"[^A-Za-z0-9]+", "-", Path(image.name).stem)[:40].strip("-")
    name = f"{stem or 'image'}-{datetime.now():%Y-%m-%d-%H%M}{suffix}"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        try:
            path.write_bytes(content)
        except OSError as error:
            said = f"{error.strerror or error}: {tempfile.gettempdir()}{way_out(error)}"
            yield ExportUpdate(None, alert_html(f"The file cannot be written: {said}."))
            return
        yield ExportUpdate(str(path), "")


def on_import(session: ChatSession, upload: dict[str, Any] | None) -> tuple[Update, ...]:
    """Take a conversation from a file; `read_upload` checks its path. Return a `PanelUpdate`, then
    the message.
    """
    if upload is None:
        return *show_panel(session), ""
    try:
        path = upload["path"]
        session.receive_conversation(unpack(read_upload(path), path))
    except Blip2Error as error:
        name = upload.get("orig_name") or "This file"
        return *show_panel(session), alert_html(f"{name}: {error}")
    return *show_panel(session), ""
