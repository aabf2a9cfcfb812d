"""What is said of an image that was not taken as it is."""

import io
from typing import Any

import numpy
import pytest
from PIL import Image

from app.workbench.image.notes import image_notes

GRADIENT = Image.linear_gradient("L").resize((40, 30)).convert("RGB")


def packed(image: Image.Image, format: str, **options: Any) -> bytes:
    """The bytes of a file."""
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def turned() -> Image.Exif:
    """EXIF data of a photo that lies on its side."""
    exif = Image.Exif()
    exif[0x112] = 6
    return exif


DEEP = Image.fromarray(numpy.asarray(GRADIENT.convert("L")).astype("uint16") * 200)
FRAMES = {"save_all": True, "append_images": [GRADIENT.rotate(180)]}


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (packed(GRADIENT, "GIF", **FRAMES), "first"),
        (packed(GRADIENT, "WEBP", **FRAMES), "first"),
        (packed(GRADIENT, "JPEG", exif=turned()), "upright"),
        (packed(GRADIENT.convert("CMYK"), "JPEG"), "CMYK"),
        (packed(GRADIENT.convert("RGBA"), "PNG"), "transparent"),
        (packed(DEEP, "PNG"), "256"),
    ],
)
def test_what_was_changed_is_said(data: bytes, word: str) -> None:
    assert word in image_notes(data)
    assert image_notes(data).count(".") == 1


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
def test_nothing_is_said_of_a_plain_image(format: str) -> None:
    assert image_notes(packed(GRADIENT, format)) == ""
