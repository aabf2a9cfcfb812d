"""The check of an image: clean ones stay as they are, all else is cut out or encoded again."""

import hashlib
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy
import pillow_heif
import pytest
from PIL import ExifTags, Image, PngImagePlugin

from blip2core.errors import ImageError
from blip2core.images import content_hash, open_image
from blip2core.intake import Limits, check_image, thumbnail
from blip2core.intake.image_check import REMOVED
from tests.intake.making import encoded, png, zipped
from tests.profiles import P3_PRIMARIES, matrix_profile
from tests.test_pixels import p3_to_srgb

SCRIPT = b"<script>alert(1)</script>"
PLACE = {1: "N", 2: (48.0, 12.0, 30.0)}


@pytest.fixture
def photo() -> Image.Image:
    noise = numpy.random.default_rng(0).integers(0, 256, (24, 40, 3), dtype=numpy.uint8)
    return Image.fromarray(noise).resize((80, 48), Image.Resampling.BICUBIC)


def with_place(orientation: int = 1) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.ImageDescription] = SCRIPT.decode()
    exif.get_ifd(ExifTags.IFD.GPSInfo).update(PLACE)
    return exif


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
def test_clean_files_stay_as_they_are(photo: Image.Image, format: str) -> None:
    data = encoded(photo, format)
    checked = check_image(data)
    assert checked.data == data and checked.changed == ""
    assert checked.sha256 == hashlib.sha256(data).hexdigest()
    assert checked.pixel_sha256 == content_hash(open_image(data))
    assert (checked.width, checked.height, checked.format) == (80, 48, format)
    assert checked.bytes == len(data)
    assert 0 <= checked.phash < 1 << 64


def test_progressive_grey_and_cmyk_jpegs_stay_too(photo: Image.Image) -> None:
    for data in (
        encoded(photo, "JPEG", progressive=True, quality=40),
        encoded(photo.convert("L"), "JPEG"),
        encoded(photo.convert("CMYK"), "JPEG"),
        encoded(photo, "JPEG", restart_marker_blocks=2),
    ):
        assert check_image(data).data == data


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_places_and_notes_are_not_kept(photo: Image.Image, format: str) -> None:
    data = encoded(photo, format, exif=with_place())
    assert SCRIPT in data
    checked = check_image(data)
    assert SCRIPT not in checked.data and b"Exif" not in checked.data
    assert len(Image.open(io.BytesIO(checked.data)).getexif()) == 0
    assert checked.changed
    assert checked.pixel_sha256 == content_hash(open_image(data))


@pytest.mark.parametrize(
    ("format", "options"),
    [
        ("JPEG", {"quality": 60}),
        ("PNG", {}),
        ("WEBP", {"quality": 60}),
        ("WEBP", {"lossless": True}),
    ],
)
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_what_is_cut_out_leaves_the_file_that_there_was(
    photo: Image.Image, format: str, options: dict[str, Any], mode: str
) -> None:
    """Not encoded again: that would be another image of the same pixels, and larger."""
    image = photo.convert("CMYK" if (format, mode) == ("JPEG", "RGBA") else mode)
    if image.mode == "RGBA":
        image.putalpha(photo.convert("L"))
    plain = encoded(image, format, **options)
    noted = options | {"exif": with_place()} | ({"xmp": SCRIPT} if format == "WEBP" else {})
    checked = check_image(encoded(image, format, **noted))
    assert (checked.data, checked.changed) == (plain, REMOVED)


def test_a_webp_keeps_its_profile_and_says_no_more_that_it_has_metadata(photo: Image.Image) -> None:
    profile = matrix_profile(P3_PRIMARIES)
    plain = encoded(photo, "WEBP", icc_profile=profile)
    checked = check_image(encoded(photo, "WEBP", icc_profile=profile, exif=with_place()))
    assert checked.data == plain and profile in plain


def test_chunks_of_a_webp_that_nobody_knows_are_cut_out(photo: Image.Image) -> None:
    """One of an odd length ends with a byte that fills it up."""
    plain = encoded(photo, "WEBP")
    content = plain[12:] + b"odd1\3\0\0\0abc\0"
    data = b"RIFF" + (4 + len(content)).to_bytes(4, "little") + b"WEBP" + content
    checked = check_image(data)
    assert (checked.data, checked.changed) == (plain, REMOVED)


def test_comments_of_a_gif_are_cut_out_and_its_transparency_stays(photo: Image.Image) -> None:
    image = photo.convert("P")
    plain = encoded(image, "GIF", transparency=image.getpixel((0, 0)))
    palette = 13 + 3 * 256
    comment = b"\x21\xfe" + bytes([len(SCRIPT)]) + SCRIPT + b"\0"
    checked = check_image(plain[:palette] + comment + plain[palette:-1] + comment + b";")
    assert (checked.data, checked.changed) == (plain, REMOVED)
    assert b"\x21\xf9\x04" in plain


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_images_are_stored_upright(photo: Image.Image, format: str) -> None:
    checked = check_image(encoded(photo, format, exif=with_place(6)))
    assert (checked.width, checked.height) == (48, 80)
    assert Image.open(io.BytesIO(checked.data)).size == (48, 80)
    assert SCRIPT not in checked.data


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
@pytest.mark.parametrize("tail", [SCRIPT, zipped({"a.html": SCRIPT})], ids=["script", "zip"])
def test_polyglots_lose_their_tail(photo: Image.Image, format: str, tail: bytes) -> None:
    data = encoded(photo, format)
    checked = check_image(data + tail)
    assert tail not in checked.data
    assert checked.pixel_sha256 == content_hash(open_image(data))
    assert check_image(checked.data).changed == ""


def test_comments_and_other_parts_are_not_kept(photo: Image.Image) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", SCRIPT.decode())
    info.add_itxt("XML", SCRIPT.decode())
    frames = [photo, photo.transpose(Image.Transpose.ROTATE_180)]
    for data in (
        encoded(photo, "JPEG", comment=SCRIPT),
        encoded(photo, "PNG", pnginfo=info),
        encoded(photo, "GIF", comment=SCRIPT),
        encoded(photo, "WEBP", xmp=SCRIPT),
        encoded(photo, "PNG", save_all=True, append_images=frames),
        encoded(photo, "GIF", save_all=True, append_images=frames[1:]),
        encoded(photo, "WEBP", save_all=True, append_images=frames[1:], lossless=True),
    ):
        checked = check_image(data)
        assert SCRIPT not in checked.data
        assert getattr(Image.open(io.BytesIO(checked.data)), "n_frames", 1) == 1
        assert checked.pixel_sha256 == content_hash(open_image(data))


def test_colour_profiles_stay(photo: Image.Image) -> None:
    for format in ("JPEG", "PNG"):
        data = encoded(photo, format, icc_profile=b"profile" * 30, exif=with_place())
        kept = Image.open(io.BytesIO(check_image(data).data))
        assert kept.info["icc_profile"] == b"profile" * 30


@pytest.mark.parametrize("format", ["TIFF", "AVIF", "PPM", "ICO", "MPO"])
def test_other_formats_become_jpeg_or_png(photo: Image.Image, format: str) -> None:
    options = {"save_all": True, "append_images": [photo]} if format == "MPO" else {}
    if format == "ICO":
        options = {"sizes": [(80, 48)]}
    checked = check_image(encoded(photo, format, **options))
    assert checked.format == ("JPEG" if format in ("AVIF", "MPO") else "PNG")
    assert Image.open(io.BytesIO(checked.data)).format == checked.format
    assert checked.changed


def bomb(width: int, height: int) -> bytes:
    """A PNG that says it has so many pixels, and has next to none."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">L", len(body)) + kind + body + struct.pack(">L", zlib.crc32(kind + body))
        )

    header = struct.pack(">2L5B", width, height, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(bytes(1_000)))
    return PngImagePlugin._MAGIC + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(10_001, 5_000), (20_000, 20_000), (2**31 - 1, 2**31 - 1)])
def test_bombs_are_refused_on_their_header(
    monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    def load(self: object) -> None:
        raise AssertionError("pixels were decoded")

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", load)
    with pytest.raises(ImageError, match="pixels"):
        check_image(bomb(*size))


def test_the_limits_are_exact() -> None:
    data = png(size=(10, 10))
    assert check_image(data, limits=Limits(pixels=100, image_bytes=len(data))).width == 10
    with pytest.raises(ImageError, match="pixels"):
        check_image(data, limits=Limits(pixels=99))
    with pytest.raises(ImageError, match="bytes"):
        check_image(data, limits=Limits(image_bytes=len(data) - 1))


def test_what_is_no_image(photo: Image.Image) -> None:
    flood = PngImagePlugin.PngInfo()
    for number in range(80):
        flood.add_text(f"t{number}", "x" * 1_000_000, zip=True)
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"
    data = encoded(photo, "JPEG")
    for bad in (b"", svg, eps, b"<html>", b"\x89PNG\r\n\x1a\n", data[: len(data) // 2], b"GIF89a"):
        with pytest.raises(ImageError):
            check_image(bad)
    with pytest.raises(ImageError):
        check_image(encoded(photo, "PNG", pnginfo=flood))


def test_damaged_images_are_refused_or_made_sound(photo: Image.Image) -> None:
    chance = numpy.random.default_rng(1)
    for format in ("JPEG", "PNG", "WEBP", "GIF", "BMP"):
        whole = encoded(photo, format)
        for _ in range(40):
            data = bytearray(whole)
            for place in chance.integers(0, len(data), 3):
                data[place] = chance.integers(256)
            try:
                checked = check_image(bytes(data), limits=Limits(pixels=100_000))
            except ImageError:
                continue
            assert checked.pixel_sha256 == content_hash(open_image(checked.data))


def test_thumbnails_fit_and_do_not_grow(photo: Image.Image) -> None:
    assert thumbnail(photo, 20).size == (20, 12)
    assert thumbnail(photo, 500).size == photo.size == (80, 48)


def test_the_sample_images_are_clean() -> None:
    for file in (Path(__file__).parents[2] / "data/samples/web").glob("00?.jpg"):
        assert check_image(file.read_bytes()).changed == ""


@pytest.mark.parametrize(
    ("format", "said"),
    [
        ("GIF", f"Only its first frame was kept. {REMOVED}"),
        ("WEBP", "Only its first frame was kept. The WEBP was encoded again."),
        ("AVIF", "Only its first frame was kept. The AVIF was encoded again."),
        ("TIFF", "Only its first page was kept. The TIFF was encoded again."),
        ("PNG", f"Only its first frame was kept. {REMOVED}"),
    ],
)
def test_of_moving_images_the_first_frame_is_kept_and_said(
    photo: Image.Image, format: str, said: str
) -> None:
    frames = [photo.transpose(Image.Transpose.ROTATE_180)]
    options = {"lossless": True} if format == "WEBP" else {}
    data = encoded(photo, format, save_all=True, append_images=frames, **options)
    checked = check_image(data)
    assert checked.changed == said
    assert getattr(Image.open(io.BytesIO(checked.data)), "n_frames", 1) == 1
    if format != "AVIF":
        assert checked.pixel_sha256 == content_hash(open_image(data))
    assert check_image(encoded(photo, format)).changed.startswith("Only") is False


def test_wide_gamut_files_keep_their_profile_or_become_srgb() -> None:
    profile, colour = matrix_profile(P3_PRIMARIES), (200, 90, 60)
    image, turned = Image.new("RGB", (32, 16), colour), Image.Exif()
    turned[ExifTags.Base.Orientation] = 6
    kept = check_image(encoded(image, "JPEG", quality=95, icc_profile=profile))
    assert kept.changed == "" and Image.open(io.BytesIO(kept.data)).info["icc_profile"] == profile
    for data in (
        encoded(image, "JPEG", quality=100, icc_profile=profile, exif=turned),
        encoded(image, "TIFF", icc_profile=profile),
    ):
        checked = check_image(data)
        assert checked.changed.endswith("Its colours were converted to sRGB.")
        with Image.open(io.BytesIO(checked.data)) as opened:
            assert "icc_profile" not in opened.info
            found = numpy.array(opened.convert("RGB").getpixel((8, 8)))
        assert numpy.abs(found - p3_to_srgb(colour)).max() <= 3
    assert "sRGB" not in check_image(encoded(image, "TIFF")).changed


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_cut_off_images_are_refused_or_whole(photo: Image.Image, format: str) -> None:
    """Where only what follows the pixels is missing, they are used, which is said."""
    data = encoded(photo, format)
    whole, used = content_hash(open_image(data)), 0
    for end in (*range(1, len(data), len(data) // 25), *range(len(data) - 14, len(data))):
        try:
            checked = check_image(data[:end])
        except ImageError as error:
            assert len(str(error).splitlines()) == 1  # noqa: PT017 - most are refused
            continue
        used += 1
        assert content_hash(open_image(data[:end])) == whole
        assert checked.changed
    assert used or format not in ("PNG", "GIF")


def test_a_png_without_its_end_is_used_and_said(photo: Image.Image) -> None:
    checked = check_image(encoded(photo, "PNG")[:-12])
    assert checked.changed == "The file is damaged outside its pixels, which were encoded again."
    with pytest.raises(ImageError, match="its end is missing, so copy or download it again"):
        check_image(encoded(photo, "JPEG")[:-40])


def test_a_heic_photo_is_stored_as_jpeg(photo: Image.Image) -> None:
    file = io.BytesIO()
    pillow_heif.from_pillow(photo).save(file, quality=-1, chroma=444, exif=with_place(1).tobytes())
    checked = check_image(file.getvalue())
    assert (checked.format, checked.changed) == ("JPEG", "The HEIF was encoded again.")
    assert (checked.width, checked.height) == photo.size and SCRIPT not in checked.data
    expected = numpy.asarray(open_image(encoded(photo, "JPEG", quality=95))).astype(int)
    assert numpy.abs(numpy.asarray(open_image(checked.data)) - expected).mean() < 2
