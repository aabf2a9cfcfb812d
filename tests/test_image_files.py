"""The bytes of an image file decide what it is; what cannot be read says which package reads it."""

import io
import sys

import numpy
import pillow_heif
import pytest
from PIL import Image, ImageOps, features

from blip2core.errors import ImageError
from blip2core.image_files import is_animated, media_format, open_file
from blip2core.images import open_image, orientation
from tests.intake.making import encoded
from tests.profiles import P3_PRIMARIES, matrix_profile
from tests.test_pixels import p3_to_srgb

HEIC_HEAD = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40)


@pytest.fixture
def heif():
    """The plugin that reads HEIC photos, an extra that the tests have."""
    return pillow_heif


def photo() -> Image.Image:
    noise = numpy.random.default_rng(0).integers(0, 256, (24, 40, 3), dtype=numpy.uint8)
    return Image.fromarray(noise).resize((160, 96), Image.Resampling.BICUBIC)


def heic(heif, image: Image.Image, **options) -> bytes:
    file = io.BytesIO()
    heif.from_pillow(image).save(file, quality=-1, chroma=444, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("head", "format"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIF"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "HEIF"),
        (b"\0\0\0\x14ftypmsf1\0\0\0\0hevc", "HEIF"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", "AVIF"),
        (b"\0\0\0\x14ftypavis\0\0\0\0avis", "AVIF"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0isommp42", None),
        (b"\0\0\0\x14ftypmp42\0\0\0\0isomheic", None),  # the last one lies behind the box
        (b"\xff\xd8\xff\xe0\0\x10JFIF", None),
        (b"", None),
    ],
)
def test_kinds_of_media_files(head: bytes, format: str | None) -> None:
    assert media_format(head) == format


def test_a_heic_photo_without_its_plugin_says_what_to_install(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)
    with pytest.raises(ImageError, match="HEIC photo: pip install pillow-heif lets it be read"):
        open_image(HEIC_HEAD)


def test_avif_without_its_decoder_says_what_to_install(monkeypatch) -> None:
    data = encoded(photo(), "AVIF")
    monkeypatch.setattr(features, "check", lambda _: False)
    with pytest.raises(ImageError, match="AVIF image, which this build .* pip install"):
        open_image(data)


def test_cut_off_media_files_are_no_videos() -> None:
    data = encoded(photo(), "AVIF")
    for end in (40, len(data) // 2, len(data) - 1):
        with pytest.raises(ImageError, match="damaged"):
            open_image(data[:end])


def test_heic_photos(heif) -> None:
    image = photo()
    opened = open_image(heic(heif, image))
    assert opened.mode == "RGB" and opened.size == image.size
    difference = numpy.asarray(opened).astype(int) - numpy.asarray(image)
    assert numpy.abs(difference).max() <= 3  # YCbCr rounds
    with open_file(heic(heif, image)) as head:
        assert head.format == "HEIF" and not is_animated(head)


def test_heic_photos_of_a_phone_are_upright_and_srgb(heif) -> None:
    image = Image.new("RGB", (64, 32), (200, 90, 60))
    image.paste((40, 120, 80), (0, 0, 32, 32))
    exif = Image.Exif()
    exif[0x0112] = 6
    profile = matrix_profile(P3_PRIMARIES)
    opened = open_image(heic(heif, image, exif=exif.tobytes(), icc_profile=profile))
    assert opened.size == (32, 64)
    for place, colour in (((16, 16), (40, 120, 80)), ((16, 48), (200, 90, 60))):
        found = numpy.array(opened.getpixel(place))
        assert numpy.abs(found - p3_to_srgb(colour)).max() <= 4


def test_heic_with_several_images_and_ten_bits(heif) -> None:
    first, second = Image.new("RGB", (64, 64), "red"), Image.new("RGB", (64, 64), "blue")
    several = heif.from_pillow(first)
    several.add_from_pillow(second)
    file = io.BytesIO()
    several.save(file, quality=-1, chroma=444, primary_index=1)
    with open_file(file.getvalue()) as head:
        assert is_animated(head)
    assert open_image(file.getvalue()).getpixel((5, 5))[2] > 250  # the main one
    deep = numpy.full((64, 64, 3), 40_000, numpy.uint16)
    file = io.BytesIO()
    heif.encode("RGB;16", (64, 64), deep.tobytes(), file, quality=-1, chroma=444)
    assert abs(open_image(file.getvalue()).getpixel((5, 5))[0] - 156) <= 1


def test_heic_bombs_and_damage_are_refused(heif) -> None:
    data = heic(heif, photo())
    with pytest.raises(ImageError, match="160 x 96 pixels"):
        open_image(data, max_pixels=160 * 96 - 1)
    noise = numpy.random.default_rng(0)
    for end in range(20, len(data), len(data) // 12):
        with pytest.raises(ImageError):
            open_image(data[:end])
    for _ in range(60):
        bad = bytearray(data)
        for place in noise.integers(0, 600, 4):
            bad[place] = noise.integers(256)
        try:
            open_image(bytes(bad), max_pixels=1_000_000)
        except ImageError as error:
            assert len(str(error).splitlines()) == 1  # noqa: PT017 - most damage is seen


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_all_orientations_of_exif(kind: str, turn: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    data = encoded(photo(), kind, exif=exif)
    with Image.open(io.BytesIO(data)) as opened:
        assert orientation(opened) == turn  # before Pillow turns a TIFF itself
        expected = ImageOps.exif_transpose(opened).convert("RGB")
    assert open_image(data).tobytes() == expected.tobytes()


@pytest.mark.parametrize("value", [0, 9, 6_000, "6", (6, 1)])
def test_orientations_that_are_none(value: object) -> None:
    image = Image.new("RGB", (3, 2))
    exif = image.getexif()
    exif[0x0112] = value
    assert open_image(image).size == ((2, 3) if value == "6" else (3, 2))


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "AVIF", "TIFF"])
def test_the_first_of_several_frames(kind: str) -> None:
    first, second = Image.new("RGB", (16, 8), "red"), Image.new("RGB", (16, 8), "blue")
    options = {"quality": 100} if kind == "AVIF" else {}
    data = encoded(first, kind, save_all=True, append_images=[second], **options)
    with open_file(data) as opened:
        assert is_animated(opened)
    assert open_image(data).getpixel((3, 3))[0] >= 250
    with open_file(encoded(first, kind)) as opened:
        assert not is_animated(opened)


def test_a_photo_with_a_preview_does_not_move() -> None:
    with open_file(encoded(photo(), "MPO", save_all=True, append_images=[photo()])) as opened:
        assert opened.format == "MPO" and not is_animated(opened)


def test_an_orientation_that_is_none_counts_as_upright() -> None:
    image = Image.new("RGB", (3, 2))
    image.getexif()[0x0112] = 9
    assert orientation(image) == 1
