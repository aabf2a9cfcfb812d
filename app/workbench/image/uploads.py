"""Several image files of a visitor at once: each opened safely, a bad one is said and skipped."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from app.chat.image import image_from
from app.chat.session import ChatImage
from app.inference.batches import Upload
from app.workbench.image.uploaded_files import read_upload

MOST_FILES = 50
"""Images taken at once; for more there are the command line and the curator."""


def build_drop_area(*, label: str, elem_id: str) -> gr.File:
    """The component that takes several images; its listeners set `preprocess=False`."""
    return gr.File(
        label=label,
        file_count="multiple",
        file_types=["image"],
        height=140,
        elem_id=elem_id,
        elem_classes="drop",
    )


def uploads_from(files: Sequence[dict[str, Any]] | None) -> list[Upload]:
    """What Gradio hands over; it has checked that each path is an upload."""
    return [
        Upload(path=file["path"], name=str(file.get("orig_name") or Path(file["path"]).name))
        for file in files or ()
    ]


def too_many(uploads: Sequence[Upload]) -> str:
    """What is wrong with so many files; empty where nothing is."""
    if len(uploads) <= MOST_FILES:
        return ""
    return (
        f"{len(uploads)} files are too many at once: at most {MOST_FILES} are taken here. "
        "The curator takes whole folders."
    )


def open_upload(upload: Upload) -> ChatImage:
    """The image in a file. ImageError says what is wrong with it."""
    return image_from(read_upload(upload.path), upload.name)
