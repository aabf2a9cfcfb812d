"""Stored images as JPEG files for the curator's pages."""

from __future__ import annotations

import io
from pathlib import Path

import streamlit

from blip2core.errors import Blip2Error
from blip2core.images import open_image
from blip2core.storage.images import ImageStore

_KEPT = 300
"""Most images that are kept in memory."""
_JPEG_QUALITY = 90


def shown_image(store: ImageStore, sha256: str, format: str, side: int) -> bytes | str:
    """Return a JPEG whose longer edge has at most `side` pixels, or why there is none.

    No uploaded file is sent to a browser as it is: it may be an image and something else.
    """
    try:
        return _jpeg(str(store.root), sha256, format, side)
    except Blip2Error as error:
        return str(error)


def forget_images() -> None:
    """Delete the images that are kept in memory, after one was taken down."""
    _jpeg.clear()


@streamlit.cache_data(max_entries=_KEPT, show_spinner=False)
def _jpeg(root: str, sha256: str, format: str, side: int) -> bytes:
    image = open_image(ImageStore(Path(root)).read(sha256, format=format))
    image.thumbnail((side, side))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=_JPEG_QUALITY)
    return buffer.getvalue()
