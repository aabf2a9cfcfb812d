"""Images of every sort come out as upright RGB, and what is none is told apart."""

import contextlib
import io
import struct
import zlib

import numpy
import pytest
from PIL import Image

from blip2core.errors import ImageError
from blip2core.images import content_hash, find_images, open_image


def saved(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture
def red() -> Image.Image:
    return Image.new("RGB", (6, 4), (200, 30, 20))


def test_an_image_from_path_text_bytes_and_open_file(red, tmp_path):
    path = tmp_path / "red.png"
    red.save(path)
    for source in (path, str(path), path.read_bytes(), io.BytesIO(path.read_bytes()), red):
        image = open_image(source)
        assert image.mode == "RGB" and image.tobytes() == red.tobytes()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM"])
def test_common_formats(kind, red):
    image = open_image(saved(red, kind))
    assert image.size == (6, 4)
    assert numpy.abs(numpy.asarray(image).astype(int) - numpy.asarray(red)).max() < 20


def test_exif_turns_the_image_upright():
    image = Image.new("RGB", (20, 10), "white")
    image.paste("black", (0, 0, 10, 10))  # left half dark
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn clockwise makes it upright
    upright = open_image(saved(image, "JPEG", exif=exif))
    assert upright.size == (10, 20)
    assert upright.getpixel((5, 2))[0] < 50 and upright.getpixel((5, 17))[0] > 200


def test_broken_exif_does_not_matter(red):
    data = bytearray(saved(red, "JPEG", exif=b"Exif\0\0" + b"\xff" * 30))
    assert open_image(bytes(data)).size == (6, 4)


def test_first_frame_of_a_moving_image(red):
    blue = Image.new("RGB", red.size, "blue")
    image = open_image(saved(red, "GIF", save_all=True, append_images=[blue]))
    assert image.getpixel((0, 0))[0] > 150


def test_cmyk_becomes_rgb(red):
    image = open_image(saved(red.convert("CMYK"), "JPEG", quality=95))
    assert image.mode == "RGB" and image.getpixel((2, 2))[0] > 150


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_transparency_lies_on_white(mode):
    image = Image.new("RGBA", (2, 1), (0, 0, 0, 0))
    image.putpixel((1, 0), (0, 0, 0, 255))
    if mode == "PA":
        source = saved(image.quantize(4), "PNG")
    else:
        source = saved(image.convert(mode), "PNG")
    opened = open_image(source)
    assert opened.getpixel((0, 0)) == (255, 255, 255) and opened.getpixel((1, 0)) == (0, 0, 0)


def test_sixteen_bits_are_scaled_and_not_clipped():
    values = numpy.array([[0, 256 * 100, 65_535]], dtype=numpy.uint16)
    opened = open_image(saved(Image.fromarray(values), "PNG"))
    assert [opened.getpixel((x, 0))[0] for x in range(3)] == [0, 100, 255]


def test_a_dark_image_of_sixteen_bits_stays_dark():
    values = numpy.array([[0, 256 * 40]], dtype=numpy.uint16)
    opened = open_image(saved(Image.fromarray(values), "PNG"))
    assert [opened.getpixel((x, 0))[0] for x in range(2)] == [0, 40]


def test_floating_point_images_use_their_range():
    values = numpy.array([[-1.0, 0.0, 1.0]], dtype=numpy.float32)
    opened = open_image(saved(Image.fromarray(values), "TIFF"))
    assert [opened.getpixel((x, 0))[0] for x in range(3)] == [0, 128, 255]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"%PDF-1.7 ...", "PDF"),
        (b"PK\x03\x04....", "ZIP"),
        (b"<?xml version='1.0'?><svg xmlns='x'></svg>", "SVG"),
        (b"<!DOCTYPE html><html></html>", "web page"),
        (b"\0\0\0\x18ftypheic....", "HEIC"),
        (b"\0\0\0\x18ftypmp42....", "video"),
        (b"just a few words\non two lines", "a text"),
        (bytes(range(256)), "unknown"),
    ],
)
def test_what_is_no_image_is_named(data, message):
    with pytest.raises(ImageError, match=message):
        open_image(data)


def test_a_truncated_image():
    noise = numpy.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=numpy.uint8)
    data = saved(Image.fromarray(noise), "JPEG")
    with pytest.raises(ImageError, match="damaged"):
        open_image(data[: len(data) // 2])


def test_random_damage_never_escapes_as_another_error(red):
    noise = numpy.random.default_rng(0)
    for kind in ("PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP"):
        good = bytearray(saved(red, kind))
        for _ in range(20):
            bad = bytearray(good)
            for place in noise.integers(0, len(bad), 8):
                bad[place] = noise.integers(0, 256)
            with contextlib.suppress(ImageError):
                assert open_image(bytes(bad)).mode == "RGB"


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims any size."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + checksum

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(b"\0"))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(9_001, 9_000), (10_000, 10_000), (60_000, 60_000)])
def test_bombs_are_not_decoded(size):
    with pytest.raises(ImageError, match="at most 80 million"):
        open_image(bomb(*size))


def test_the_limit_can_be_set(red):
    assert open_image(red, max_pixels=24).size == (6, 4)
    with pytest.raises(ImageError, match="6 x 4 pixels"):
        open_image(red, max_pixels=23)


def test_paths_that_lead_nowhere(tmp_path):
    with pytest.raises(ImageError, match="no file"):
        open_image(tmp_path / "absent.png")
    with pytest.raises(ImageError, match="folder"):
        open_image(tmp_path)
    with pytest.raises(ImageError, match="cannot be read"):
        open_image("a\0b.png")


def test_the_hash_is_of_the_pixels(red):
    again = open_image(saved(red, "PNG"))
    assert content_hash(again) == content_hash(red) == content_hash(open_image(saved(red, "BMP")))
    turned = red.transpose(Image.Transpose.ROTATE_90)  # same bytes, another shape
    assert content_hash(turned) != content_hash(red)
    assert len(content_hash(red)) == 64


def test_find_images(red, tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / ".hidden").mkdir()
    empty = tmp_path / "empty"
    empty.mkdir()
    for name in ("c.JPG", "b/a.png", "notes.txt", ".hidden/x.png", "._c.jpg"):
        (tmp_path / name).write_bytes(b"x")
    assert find_images(tmp_path) == [tmp_path / "b/a.png", tmp_path / "c.JPG"]
    assert find_images(str(tmp_path / "notes.txt")) == [tmp_path / "notes.txt"]
    with pytest.raises(ImageError, match="no images"):
        find_images(empty)
    with pytest.raises(ImageError, match="no file or folder"):
        find_images(tmp_path / "absent")


def test_find_images_finds_photos_of_phones(tmp_path):
    for name in ("a.HEIC", "b.heif", "c.hif", "d.avif"):
        (tmp_path / name).write_bytes(b"x")
    assert [file.name for file in find_images(tmp_path)] == ["a.HEIC", "b.heif", "c.hif", "d.avif"]
