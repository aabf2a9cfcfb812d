"""Every kind of pixels becomes RGB of 8 bits with the values that a screen shows."""

import io
import struct
import zlib

import numpy
import pytest
from PIL import Image

from blip2core.images import open_image
from blip2core.pixels import has_own_colours
from tests.profiles import (
    P3_PRIMARIES,
    SRGB_PRIMARIES,
    gray_profile,
    ink_profile,
    matrix_profile,
)

RED = (200, 30, 20)


def saved(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def row(image: Image.Image) -> list[tuple[int, ...]]:
    return [image.getpixel((x, 0)) for x in range(image.width)]


def png_of(values: list, colour: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """One row of a PNG with 16 bits for each channel, which Pillow itself does not write."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + checksum

    pixels = zlib.compress(b"\0" + numpy.array(values).astype(">u2").tobytes())
    header = struct.pack(">IIBBBBB", len(values), 1, 16, colour, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", pixels), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def tiff_of(bits: int, photometric: int, packed: bytes, width: int) -> bytes:
    """One row of a gray TIFF without compression."""
    tags = [(256, width), (257, 1), (258, bits), (259, 1), (262, photometric), (273, 8)]
    tags += [(277, 1), (278, 1), (279, len(packed))]
    start = 8 + len(packed) + len(packed) % 2
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    head = b"II*\0" + struct.pack("<I", start) + packed.ljust(start - 8, b"\0")
    return head + struct.pack("<H", len(tags)) + entries + bytes(4)


def test_sixteen_bits_of_every_layout() -> None:
    white = (255, 255, 255)
    assert row(open_image(png_of([0, 25_600, 65_535], 0))) == [(0,) * 3, (100,) * 3, white]
    assert row(open_image(png_of([[65_535, 25_600, 0]], 2))) == [(255, 100, 0)]
    clear = [[25_600, 65_535], [25_600, 0]]
    assert row(open_image(png_of(clear, 4))) == [(100, 100, 100), white]
    clear = [[65_535, 25_600, 0, 65_535], [65_535, 25_600, 0, 0]]
    assert row(open_image(png_of(clear, 6))) == [(255, 100, 0), white]


def test_one_transparent_shade_of_sixteen_bits_lies_on_white() -> None:
    data = png_of([25_600, 25_601, 40_000], 0, (b"tRNS", struct.pack(">H", 25_600)))
    assert row(open_image(data)) == [(255, 255, 255), (100, 100, 100), (156, 156, 156)]


def test_gray_tiffs_of_twelve_and_sixteen_bits_also_where_zero_is_white() -> None:
    sixteen = numpy.array([0, 25_600, 65_535], "<u2").tobytes()
    assert [p[0] for p in row(open_image(tiff_of(16, 1, sixteen, 3)))] == [0, 100, 255]
    assert [p[0] for p in row(open_image(tiff_of(16, 0, sixteen, 3)))] == [255, 155, 0]
    twelve = bytes.fromhex("000 fff 800 7ff".replace(" ", ""))
    assert [p[0] for p in row(open_image(tiff_of(12, 1, twelve, 4)))] == [0, 255, 128, 127]


def test_palettes_with_transparency_lie_on_white() -> None:
    palette = Image.new("P", (3, 1))
    palette.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    palette.putdata([0, 1, 2])
    red, green, blue, white = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
    assert row(open_image(saved(palette, "PNG", transparency=1))) == [red, white, blue]
    assert row(open_image(saved(palette, "GIF", transparency=0))) == [white, green, blue]
    half = open_image(saved(palette, "PNG", transparency=b"\x00\x80\xff"))
    assert row(half) == [white, (127, 255, 127), blue]


def test_cmyk_without_a_profile_by_the_plain_formula() -> None:
    inks = Image.new("CMYK", (1, 1), (0, 128, 255, 51))
    for kind, options in (("TIFF", {}), ("JPEG", {"quality": 100})):
        [found] = row(open_image(saved(inks, kind, **options)))
        expected = [(255 - ink) * (255 - 51) / 255 for ink in (0, 128, 255)]
        assert numpy.abs(numpy.array(found) - expected).max() <= 2


def test_cmyk_as_its_profile_prints_it() -> None:
    def lab(cyan: int, *other: int) -> tuple[float, float, float]:
        return (29.57, 68.30, -112.03) if cyan else (100.0, 0.0, 0.0)  # the blue of sRGB; paper

    inks = Image.new("CMYK", (2, 1))
    inks.putpixel((0, 0), (255, 0, 0, 0))
    for kind, options in (("TIFF", {}), ("JPEG", {"quality": 100, "subsampling": 0})):
        data = saved(inks.resize((16, 8), 0), kind, icc_profile=ink_profile(lab), **options)
        image = open_image(data)
        for place, expected in (((1, 1), (0, 0, 255)), ((14, 1), (255, 255, 255))):
            found = numpy.array(image.getpixel(place))
            assert numpy.abs(found - expected).max() <= 8


def p3_to_srgb(colour: tuple[int, int, int]) -> numpy.ndarray:
    """By matrices: to linear light, to XYZ by one set of primaries, back by the other."""
    value = numpy.array(colour) / 255
    linear = numpy.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    there, back = numpy.array(P3_PRIMARIES).T, numpy.linalg.inv(numpy.array(SRGB_PRIMARIES).T)
    light = (back @ there @ linear).clip(0, 1)
    return numpy.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055) * 255


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG", "AVIF"])
@pytest.mark.parametrize("colour", [(200, 90, 60), (40, 120, 80), (128, 128, 128), (255, 0, 0)])
def test_wide_gamut_becomes_srgb(kind: str, colour: tuple[int, int, int]) -> None:
    options = {"quality": 100} if kind in ("JPEG", "AVIF") else {}
    options |= {"lossless": True} if kind == "WEBP" else {}
    image = Image.new("RGB", (16, 16), colour)
    profile = matrix_profile(P3_PRIMARIES)
    found = open_image(saved(image, kind, icc_profile=profile, **options)).getpixel((8, 8))
    assert numpy.abs(numpy.array(found) - p3_to_srgb(colour)).max() <= (3 if options else 1.01)


def test_palettes_and_transparent_images_have_profiles_too() -> None:
    profile, colour = matrix_profile(P3_PRIMARIES), (200, 90, 60)
    expected = p3_to_srgb(colour)
    palette = Image.new("RGB", (2, 1), colour).quantize(2)
    clear = Image.new("RGBA", (2, 1), (*colour, 255))
    clear.putpixel((1, 0), (*colour, 0))
    for image in (palette, clear):
        opened = open_image(saved(image, "PNG", icc_profile=profile))
        assert numpy.abs(numpy.array(opened.getpixel((0, 0))) - expected).max() <= 1.01
    assert opened.getpixel((1, 0)) == (255, 255, 255)


def test_gray_by_its_curve() -> None:
    linear = gray_profile(1.0)
    for image in (Image.new("L", (1, 1), 55), Image.fromarray(numpy.full((1, 1), 55 * 257, "u2"))):
        [found] = row(open_image(saved(image, "PNG", icc_profile=linear)))
        assert max(abs(channel - 128) for channel in found) <= 1  # 21.6% of light


@pytest.mark.parametrize(
    "profile",
    [
        matrix_profile(SRGB_PRIMARIES),
        b"profile" * 30,
        matrix_profile(P3_PRIMARIES)[:200],
        gray_profile(1.0),
        ink_profile(lambda *_: (0.0, 0.0, 0.0)),
        b"\0" * 5_000_000,
    ],
    ids=["sRGB", "nonsense", "cut off", "gray", "CMYK", "huge"],
)
def test_profiles_that_change_nothing(profile: bytes) -> None:
    """sRGB itself leaves every pixel as it is coded; what is no profile of RGB is passed by."""
    noise = numpy.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=numpy.uint8)
    opened = open_image(saved(Image.fromarray(noise), "TIFF", icc_profile=profile))
    assert (numpy.asarray(opened) == noise).all()


def test_what_is_opened_carries_no_metadata_that_would_count_twice() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    profile = matrix_profile(P3_PRIMARIES)
    data = saved(Image.new("RGB", (3, 2), RED), "PNG", icc_profile=profile, exif=exif)
    opened = open_image(data)
    assert opened.size == (2, 3) and opened.info == {} and not opened.getexif()
    assert has_own_colours(Image.open(io.BytesIO(data))) and not has_own_colours(opened)
    assert open_image(opened).tobytes() == opened.tobytes()


def test_an_image_that_was_given_stays_as_it_is() -> None:
    given = Image.new("RGB", (2, 1), RED)
    given.info["icc_profile"] = matrix_profile(P3_PRIMARIES)
    open_image(given)
    assert "icc_profile" in given.info and given.getpixel((0, 0)) == RED
