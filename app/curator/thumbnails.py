"""Stored images as the curator's pages show them: always decoded and written anew."""

from __future__ import annotations

import io

import streamlit

from blip2core.errors import Blip2Error
from blip2core.images import open_image
from blip2core.storage.images import ImageStore

KEPT = 300
"""Images kept in memory at each size."""
QUALITY = 90
"""Of the JPEG that is shown."""


def shown_image(store: ImageStore, sha256: str, format: str, side: int) -> bytes | str:
    """A JPEG no longer than `side` pixels, or the sentence that says why there is none.

    What was uploaded is never sent to a browser: a file may be an image and something else.
    """
    try:
        return _jpeg(str(store.root), sha256, format, side)
    except Blip2Error as error:
        return str(error)


@streamlit.cache_data(max_entries=KEPT, show_spinner=False)
def _jpeg(root: str, sha256: str, format: str, side: int) -> bytes:
    from pathlib import Path

    image = open_image(ImageStore(Path(root)).read(sha256, format=format))
    image.thumbnail((side, side))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()
