"""Save and load: a conversation as ZIP or Markdown, from a ZIP, and asked again."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr

from app.chat.archive import pack, unpack
from app.chat.archive_schema import saved
from app.chat.markdown import as_markdown
from app.chat.session import ChatSession
from app.services import Services
from app.workbench.events import MODEL_EVENT, PRIVATE_EVENT, Update
from app.workbench.image.panel import caption_image, show_panel
from app.workbench.image.uploaded_files import read_upload
from app.workbench.messages import alert_html
from blip2core.errors import Blip2Error

PRESS_DOWNLOAD = "() => document.querySelector('#download')?.click()"
"""A download button gives what it holds when pressed, so it is filled first, then pressed."""


def build_saving(services: Services, panel: SimpleNamespace) -> SimpleNamespace:
    """Draws and wires the buttons inside the page that is being built."""
    ui = SimpleNamespace()
    gr.Markdown(
        "The export holds the image, and every question with its settings, seed, model, exact "
        "prompt, time and your feedback. Imported again, it can be replayed."
    )
    with gr.Row():
        ui.export = gr.Button("Export", size="sm", min_width=100)
        ui.markdown = gr.Button("Export as Markdown", size="sm", min_width=100)
        ui.load = gr.UploadButton("Import", size="sm", min_width=100, file_types=[".zip"])
    ui.notice = gr.HTML(container=False, elem_classes="notice")
    ui.download = gr.DownloadButton("Download", visible="hidden", elem_id="download")
    for button, write in ((ui.export, on_export), (ui.markdown, on_markdown)):
        written = button.click(write, panel.session, [ui.download, ui.notice], **PRIVATE_EVENT)
        written.success(None, js=PRESS_DOWNLOAD, **PRIVATE_EVENT)
    loaded = ui.load.upload(
        on_import,
        [panel.session, ui.load],
        [*panel.screen, ui.notice],
        preprocess=False,
        **PRIVATE_EVENT,
    )
    loaded.success(
        partial(caption_image, services),
        panel.session,
        [panel.caption, panel.notice],
        **MODEL_EVENT,
    )
    return ui


def on_export(session: ChatSession) -> Iterator[tuple[Update, str]]:
    """The conversation as a ZIP file."""
    image = session.image
    if image is None or not session.entries:
        yield NOTHING
        return
    yield from _offer(session, ".zip", pack(image, session.entries))


def on_markdown(session: ChatSession) -> Iterator[tuple[Update, str]]:
    """The conversation to read."""
    image = session.image
    if image is None or not session.entries:
        yield NOTHING
        return
    text = as_markdown(saved(image, "picture.png", session.entries))
    yield from _offer(session, ".md", text.encode())


NOTHING = (None, '<p role="status">There is no conversation to save yet.</p>')


def _offer(session: ChatSession, suffix: str, content: bytes) -> Iterator[tuple[Update, str]]:
    """A file for the download button; Gradio has its own copy when this goes on."""
    stem = re.sub(r"[^A-Za-z0-9]+", "-", Path(session.image.name).stem).strip("-")[:40]
    name = f"{stem or 'picture'}-{datetime.now():%Y-%m-%d-%H%M}{suffix}"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        yield str(path), ""


def on_import(session: ChatSession, upload: dict[str, Any] | None) -> tuple[Update, ...]:
    """A file came from the visitor; Gradio has checked that its path is an upload."""
    if upload is None:
        return (*show_panel(session), "")
    try:
        session.receive_conversation(unpack(read_upload(upload["path"])))
    except Blip2Error as error:
        name = upload.get("orig_name") or "This file"
        return (*show_panel(session), alert_html(f"{name}: {error}"))
    return (*show_panel(session), "")
