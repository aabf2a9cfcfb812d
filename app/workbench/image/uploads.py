"""Several image files from a visitor's browser: the drop area, and each file opened safely."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from app.chat.image import ChatImage, image_from
from app.workbench.image.uploaded_files import read_upload

MOST_FILES = 50
"""Images taken at once; for more there are the command line and the curator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file as it came from a visitor's browser, not opened yet."""

    path: str
    name: str
    """Name of the file on the visitor's machine. Hostile text."""


def build_drop_area(*, label: str, elem_id: str) -> gr.File:
    """Draw the component that takes several images; its listeners set `preprocess=False`."""
    return gr.File(
        label=label,
        file_count="multiple",
        file_types=["image"],
        height=140,
        elem_id=elem_id,
        elem_classes="drop",
    )


def uploads_from(files: Sequence[dict[str, Any]] | None) -> list[Upload]:
    """Return the files as Gradio hands them over; `read_upload` checks each path."""
    return [
        Upload(path=file["path"], name=str(file.get("orig_name") or Path(file["path"]).name))
        for file in files or ()
    ]


def too_many(uploads: Sequence[Upload]) -> str:
    """Return what is wrong with so many files; empty where nothing is."""
    if len(uploads) <= MOST_FILES:
        return ""
    return (
        f"{len(uploads)} files are too many at once: at most {MOST_FILES} are taken here. "
        "The curator takes whole folders."
    )


def open_upload(upload: Upload) -> ChatImage:
    """Return the image in a file. Raises ImageError with what is wrong with it."""
    return image_from(read_upload(upload.path), upload.name)
