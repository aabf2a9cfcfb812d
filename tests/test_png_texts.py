"""Large compressed texts in PNG files are no reason to refuse the image; bombs are."""

import io
import struct
import zlib

import numpy
import pytest
from PIL import Image, PngImagePlugin

from blip2core.errors import ImageError
from blip2core.images import open_image
from blip2core.intake import check_image
from blip2core.png_texts import LONGEST, MOST, without_large_texts
from tests.intake.making import encoded

NOISE = numpy.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=numpy.uint8)
PHOTO = Image.fromarray(NOISE)


def with_texts(lengths: list[int], kind: str) -> bytes:
    texts = PngImagePlugin.PngInfo()
    for number, length in enumerate(lengths):
        if kind == "iTXt":
            texts.add_itxt(f"t{number}", "x" * length, "en", "key", zip=True)
        else:
            texts.add_text(f"t{number}", "x" * length, zip=True)
    return encoded(PHOTO, "PNG", pnginfo=texts)


def behind_pixels(data: bytes, length: int) -> bytes:
    """The same file with a compressed text between pixels and end, as exiftool writes it."""
    body = b"t\0\0" + zlib.compress(b"x" * length)
    chunk = struct.pack(">I", len(body)) + b"zTXt" + body
    chunk += struct.pack(">I", zlib.crc32(b"zTXt" + body))
    return data[:-12] + chunk + data[-12:]


@pytest.mark.parametrize("kind", ["zTXt", "iTXt"])
@pytest.mark.parametrize("length", [LONGEST + 1, 30_000_000])
def test_png_with_large_compressed_text(kind: str, length: int) -> None:
    for data in (with_texts([length], kind), behind_pixels(with_texts([9], kind), length)):
        assert (numpy.asarray(open_image(data)) == NOISE).all()
        checked = check_image(data)
        assert (numpy.asarray(open_image(checked.data)) == NOISE).all()
        assert b"TXt" not in checked.data and checked.changed


@pytest.mark.parametrize("kind", ["zTXt", "iTXt"])
def test_texts_that_pillow_reads_stay(kind: str) -> None:
    data = with_texts([LONGEST, 10], kind)
    assert without_large_texts(data) == data
    large = without_large_texts(with_texts([10, LONGEST + 1, 20], kind))
    with Image.open(io.BytesIO(large)) as opened:
        opened.load()
        assert {key: len(text) for key, text in opened.text.items()} == {"t0": 10, "t2": 20}


def test_floods_of_compressed_text_are_refused_without_unpacking_them() -> None:
    count = MOST // LONGEST + 1
    for lengths in ([LONGEST] * count, [LONGEST + 1] * count):
        with pytest.raises(ImageError, match="unpack to more than 64 MB"):
            open_image(with_texts(lengths, "zTXt"))


@pytest.mark.parametrize("end", range(30, 90, 3))
def test_damaged_chunks_are_left_to_the_decoder(end: int) -> None:
    data = with_texts([2_000_000], "iTXt")
    assert without_large_texts(data[:end]) == data[:end]
    body = data.replace(b"iTXt", b"zTXt")
    with pytest.raises(ImageError):
        open_image(body[:end])
