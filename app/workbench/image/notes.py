"""Sentences about what was changed in an image so that the model can read it."""

from __future__ import annotations

import io

from PIL import Image

from blip2core.images import IMAGE_FORMATS

ORIENTATION = 0x112
"""The EXIF tag that says how the camera was held; 1 is upright."""


def image_notes(data: bytes) -> str:
    """Return what `open_image` changes in an image of these bytes; empty where it changes nothing.

    Reads the head of the file alone.
    """
    formats = [name for name in IMAGE_FORMATS if name in Image.OPEN]
    with Image.open(io.BytesIO(data), formats=formats) as image:
        said = {
            "Only the first of its frames is used.": _is_animated(image),
            "It was turned upright, as the camera noted.": _is_turned(image),
            "Its printing colours (CMYK) became screen colours.": image.mode == "CMYK",
            "Its transparent parts are white.": image.has_transparency_data,
            "Its shades were reduced to 256 for each colour.": _is_deep(image),
        }
    return " ".join(sentence for sentence, holds in said.items() if holds)


def _is_animated(image: Image.Image) -> bool:
    # An MPO is a photo with a preview beside it, which nobody sees as an animation.
    return image.format != "MPO" and getattr(image, "is_animated", False)


def _is_turned(image: Image.Image) -> bool:
    try:
        return image.getexif().get(ORIENTATION, 1) in range(2, 9)
    except Exception:  # broken EXIF data, which `open_image` leaves alone too
        return False


def _is_deep(image: Image.Image) -> bool:
    # Pillow opens colour of 16 bits as 8; only the name of its decoder still tells.
    return image.mode.startswith(("I", "F")) or ";16" in str(getattr(image, "tile", ""))
