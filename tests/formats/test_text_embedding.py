"""Texts are written into images whose pixels, and all else in them, stay as they were."""

import contextlib
import io
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from blip2core.formats.image_metadata import image_metadata
from blip2core.formats.text_embedding import HOLDING, holdable, with_texts
from blip2core.formats.xmp_texts import MOST_BYTES, XmpTexts
from blip2core.intake import check_image
from blip2core.texts import clean_text
from tests.formats.files import XMP, chunk, exif, png_info, saved, segment

FILES: dict[str, Any] = {
    "JPEG": saved("JPEG"),
    "grey JPEG": saved("JPEG", "L"),
    "progressive CMYK JPEG": saved("JPEG", "CMYK", progressive=True),
    "PNG": saved("PNG"),
    "PNG with alpha": saved("PNG", "RGBA"),
    "PNG with a palette": saved("PNG", "P"),
    "WebP": saved("WEBP"),
    "WebP with alpha": saved("WEBP", "RGBA"),
    "lossless WebP": saved("WEBP", lossless=True),
    "lossless WebP with alpha": saved("WEBP", "RGBA", lossless=True),
}
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
TEXTS = ("ein Bär 🐻\nund \u202e'mehr' \"&amp;\" <b>", "second", "{}")
ANY = st.lists(
    st.text(max_size=40).map(clean_text).filter(lambda text: text and holdable([text])),
    min_size=1,
    max_size=4,
    unique=True,
)


def found_in(data: bytes) -> list[str]:
    found = image_metadata(data)
    assert (found.not_used, found.unread) == ((), ())
    return [text for text, _ in found.texts]


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize("name", FILES)
def test_texts_come_back_and_the_pixels_are_bit_equal(name: str) -> None:
    whole = with_texts(FILES[name], TEXTS)
    assert found_in(whole) == list(TEXTS)
    before, after = opened(FILES[name]), opened(whole)
    assert (before.mode, before.size, before.tobytes()) == (after.mode, after.size, after.tobytes())
    assert before.getpalette() == after.getpalette()
    assert whole == with_texts(FILES[name], TEXTS), "the same bytes each time"


def test_a_webp_image_says_whether_it_has_alpha() -> None:
    for name, alpha in (("lossless WebP", 0), ("lossless WebP with alpha", 0x10)):
        assert FILES[name][12:16] == b"VP8L"
        assert with_texts(FILES[name], TEXTS)[12:21] == b"VP8X\x0a\0\0\0" + bytes([0x0C | alpha])


def test_a_webp_image_may_end_without_the_byte_that_fills_it_up() -> None:
    odd = FILES["WebP"][:12] + b"VP8 " + FILES["WebP"][16:] + b"odd1\3\0\0\0abc"
    assert found_in(with_texts(odd, TEXTS)) == list(TEXTS)


@pytest.mark.parametrize("name", FILES)
def test_an_import_of_the_copy_keeps_the_very_file_that_was_stored(name: str) -> None:
    assert check_image(with_texts(FILES[name], TEXTS)).data == FILES[name]


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_other_programs_find_the_first_text(format: str) -> None:
    after = opened(with_texts(saved(format), TEXTS))
    if format == "PNG":
        assert after.info["Description"] == TEXTS[0]
    else:
        assert after.getexif()[0x010E].encode("latin-1").decode() == TEXTS[0]
    packet = XmpTexts(after.info["xmp"])
    assert packet.others == [("XMP dc:description", "x-default", TEXTS[0])]
    assert packet.own == list(TEXTS)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_orientation_profile_and_places_stay(format: str) -> None:
    tags = Image.Exif()
    tags[0x0112], tags[0x013B] = 6, "Ann"
    tags[0x8825] = {1: "N", 2: (48.0, 12.0, 30.0)}
    packet = XMP.format('<dc:creator>Ann</dc:creator><dc:title xml:lang="de">T</dc:title>').encode()
    data = saved(format, exif=tags, icc_profile=PROFILE, xmp=packet)
    if format == "PNG":  # Pillow writes no XMP into it
        at = data.index(b"IDAT") - 4
        data = data[:at] + chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet) + data[at:]
    before, after = opened(data), opened(with_texts(data, TEXTS))
    assert after.info["icc_profile"] == before.info["icc_profile"] == PROFILE
    assert after.getexif()[0x0112] == 6 and after.getexif()[0x013B] == "Ann"
    assert after.getexif().get_ifd(0x8825) == before.getexif().get_ifd(0x8825) != {}
    assert b"creator>Ann<" in after.info["xmp"]
    assert after.tobytes() == before.tobytes()
    assert found_in(with_texts(data, TEXTS)) == [*TEXTS, "T"]


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_earlier_texts_in_the_same_fields_are_replaced(format: str) -> None:
    first = with_texts(saved(format), TEXTS)
    again = with_texts(first, ("another",))
    assert found_in(again) == ["another"]
    assert again == with_texts(saved(format), ("another",))


def test_what_others_wrote_into_these_fields_is_replaced() -> None:
    jpeg = saved("JPEG", exif=exif({0x010E: b"old"}), xmp=XMP.format("").encode())
    png = saved("PNG", pnginfo=png_info(Description="old", Title="stays"))
    assert found_in(with_texts(jpeg, ("new",))) == ["new"]
    assert found_in(with_texts(png, ("new",))) == ["new", "stays"]
    attribute = XMP.format("").replace(' rdf:about=""', ' rdf:about="" dc:description="old"')
    assert found_in(with_texts(saved("WEBP", xmp=attribute.encode()), ("new",))) == ["new"]


def test_jfif_stays_the_first_segment_and_comments_stay() -> None:
    whole = with_texts(saved("JPEG", comment=b"stays as it is"), ("new",))
    assert whole[2:4] == b"\xff\xe0" and whole[6:10] == b"JFIF"
    assert opened(whole).info["comment"] == b"stays as it is"


@given(ANY)
@example(["=1+1", "{}", "OLYMPUS DIGITAL CAMERA", "12", "N/A", "a.png", "Steps: 20"])
@example(["one\ntwo", "one two", "\ufeffa\ufeff", "e\u0301", "\u200fשלום", "]]>", "\u2028"])
def test_any_text_comes_back_from_every_format(texts: list[str]) -> None:
    for name in ("JPEG", "PNG", "WebP"):
        assert found_in(with_texts(FILES[name], texts)) == texts


def test_only_texts_that_fit_are_holdable() -> None:
    assert holdable(["a", "b\uffff", "\ufffe", "\rc", "d\ud800", "\x00", "e"]) == ("a", "e")
    long = "&" * 11_000
    assert holdable([long, "short", "x" * 60_000]) == ("short",)
    assert holdable(["first", long, long]) == ("first", long)
    most = holdable(["🐻" * 7_000, *(f"{number} &<>" * 40 for number in range(200))])
    assert 2 < len(most) < 200
    for name in ("JPEG", "PNG", "WebP"):
        assert found_in(with_texts(FILES[name], most)) == list(most)
    assert len(with_texts(FILES["JPEG"], most)) < MOST_BYTES


def test_the_longest_text_of_an_import_fits() -> None:
    text = "é" * 14_000
    assert found_in(with_texts(FILES["JPEG"], holdable([text]))) == [text]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>",
        saved("GIF"),
        saved("BMP"),
        saved("TIFF"),
        FILES["PNG"][:20],
        FILES["WebP"][:12],
        FILES["WebP"][:22],
        FILES["WebP"][:12] + b"VP8X\0\0\0\0" + FILES["WebP"][12:],
        FILES["WebP"][:12] + b"VP8L\x04\0\0\0abcd",
        saved("JPEG", xmp=b"<no xml"),
        saved("JPEG", xmp=XMP.format("<dc:creator>" + "a" * 60_000 + "</dc:creator>").encode()),
        saved("JPEG")[:2] + segment(0xE1, b"Exif\0\0no TIFF") + saved("JPEG")[2:],
    ],
)
def test_a_file_that_cannot_hold_texts_is_an_error(data: bytes) -> None:
    with pytest.raises(ValueError, match="it is|its|packet"):
        with_texts(data, ("x" * 3_000,))


@given(st.sampled_from([FILES["JPEG"], FILES["PNG"], FILES["WebP"]]), st.data())
def test_damaged_files_raise_nothing_else(whole: bytes, draw: st.DataObject) -> None:
    data = bytearray(with_texts(whole, TEXTS))
    for _ in range(draw.draw(st.integers(1, 6))):
        data[draw.draw(st.integers(0, min(len(data), 900) - 1))] = draw.draw(st.integers(0, 255))
    with contextlib.suppress(ValueError):
        with_texts(bytes(data[: draw.draw(st.integers(0, len(data)))]), ("new",))


def test_formats_that_hold_texts_are_those_that_are_stored() -> None:
    for format in HOLDING:
        assert found_in(with_texts(saved(format), ("a dog",))) == ["a dog"]
