"""The image of a chat session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from PIL import Image

from blip2core.images import content_hash, open_image
from blip2core.records import Doubt

if TYPE_CHECKING:
    from blip2core.models.vision import ImageFeatures


SHOWN_SIDE = 768
"""Longer edge, in pixels, of an image as the page shows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatImage:
    """An image with its caption and its features, as far as they are known."""

    key: str
    """Hash of its content."""
    shown: Image.Image
    """RGB, small enough for a screen."""
    name: str = "image"
    """Name of its file. Hostile text."""
    data: bytes = field(default=b"", repr=False)
    """The file as it came; kept for the image on screen alone."""
    path: str = ""
    """Where its upload lies; empty where it was not uploaded."""
    item: int | None = None
    """Number of the item of the database that it is; None where it is none."""
    features: ImageFeatures | None = None
    matcher_features: ImageFeatures | None = None
    """Features that the matcher reads, where it cannot read the generator's."""
    caption: str = ""
    doubts: Mapping[str, Doubt | None] = field(default_factory=dict)
    """Model -> whether the image is unlike anything it has seen; None: it is not calibrated."""


def image_from(data: bytes, name: str, caption: str = "", path: str = "") -> ChatImage:
    """Return the image in the bytes of a file. Raises ImageError where it cannot be read."""
    image = open_image(data)  # bytes have no path that a message could show
    shown = image.copy()
    shown.thumbnail((SHOWN_SIDE, SHOWN_SIDE))
    key = content_hash(image)
    return ChatImage(key=key, name=name, data=data, shown=shown, caption=caption, path=path)
