"""Which files of this machine a request may name: what a visitor uploaded, and nothing else.

A request says which file it means by its path, and a program may write any path there.
"""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

from app.gradio_internals import upload_folder
from blip2core.errors import ImageError

GONE = "The file is not here any more: add it again."


def uploaded_path(path: Any) -> Path:
    """Return the place of an uploaded file, all links followed.

    Raises ImageError where it is no regular file in the folder of uploads. Nothing is opened.
    """
    if not isinstance(path, str) or "\0" in path:
        raise ImageError("Give the image as a file: handle_file(path) in gradio_client.")
    try:
        found = Path(path).resolve()
        if not found.is_relative_to(upload_folder()):
            raise ImageError("Only a file that was uploaded can be opened.")
        mode = found.stat().st_mode
    # RuntimeError: links in a circle; ValueError: characters that no file name has
    except (OSError, RuntimeError, ValueError) as error:
        raise ImageError(GONE) from error
    if not stat.S_ISREG(mode):
        raise ImageError("Only a file that was uploaded can be opened.")
    return found


def read_upload(path: Any) -> bytes:
    """Return the bytes of an uploaded file. Raises ImageError where the path is not one."""
    try:
        return uploaded_path(path).read_bytes()
    except OSError as error:
        raise ImageError(GONE) from error
