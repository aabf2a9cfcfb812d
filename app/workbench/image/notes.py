"""What was done to a picture so that the model could read it, in words."""

from __future__ import annotations

import io

from PIL import Image

from blip2core.images import FORMATS

ORIENTATION = 0x112
"""The EXIF tag that says how the camera was held; 1 is upright."""


def image_notes(data: bytes) -> str:
    """Sentences about the bytes of a picture that `open_image` took; empty where it was taken as
    it is. Reads the file's head alone."""
    formats = [name for name in FORMATS if name in Image.OPEN]
    with Image.open(io.BytesIO(data), formats=formats) as picture:
        said = {
            "Only the first of its frames is used.": _moves(picture),
            "It was turned upright, as the camera noted.": _is_turned(picture),
            "Its printing colours (CMYK) became screen colours.": picture.mode == "CMYK",
            "Its transparent parts are white.": picture.has_transparency_data,
            "Its shades were reduced to 256 for each colour.": _is_deep(picture),
        }
    return " ".join(sentence for sentence, holds in said.items() if holds)


def _moves(picture: Image.Image) -> bool:
    # An MPO is a photo with a preview beside it: nobody thinks of it as moving.
    return picture.format != "MPO" and getattr(picture, "is_animated", False)


def _is_turned(picture: Image.Image) -> bool:
    try:
        return picture.getexif().get(ORIENTATION, 1) in range(2, 9)
    except Exception:  # broken EXIF data, which `open_image` leaves alone too
        return False


def _is_deep(picture: Image.Image) -> bool:
    # Pillow opens colour of 16 bits as 8; only the name of its decoder still tells.
    return picture.mode.startswith(("I", "F")) or ";16" in str(picture.tile)
