"""Sentences about what was changed in an image so that the model can read it."""

from __future__ import annotations

from PIL import Image

from blip2core.image_files import is_animated, open_file
from blip2core.images import orientation
from blip2core.pixels import has_own_colours


def image_notes(data: bytes) -> str:
    """Return what `open_image` changes in an image of these bytes; empty where it changes nothing.

    Reads the head of the file alone.
    """
    with open_file(data) as image:
        said = {
            "Only the first of its frames is used.": is_animated(image),
            "It was turned upright, as the camera noted.": orientation(image) != 1,
            "Its printing colours (CMYK) became screen colours.": image.mode == "CMYK",
            "Its colours became those of a screen (sRGB).": has_own_colours(image),
            "Its transparent parts are white.": image.has_transparency_data,
            "Its shades were reduced to 256 for each colour.": _is_deep(image),
        }
    return " ".join(sentence for sentence, holds in said.items() if holds)


def _is_deep(image: Image.Image) -> bool:
    # Pillow opens colour of 16 bits as 8; only the name of its decoder still tells.
    return image.mode.startswith(("I", "F")) or ";16" in str(getattr(image, "tile", ""))
