import io
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from blip2core.formats.image_metadata import ImageMetadata, image_metadata
from tests.formats.files import (
    XMP,
    chunk,
    exif,
    jpeg_with,
    jpeg_with_exif,
    photoshop,
    png_info,
    png_with,
    record,
    saved,
    segment,
    tiff_data,
)

PARAMETERS = (
    "a red fox, snow\nNegative prompt: blurry, text\nSteps: 20, Sampler: Euler a, CFG scale: 7"
)


def places(data: bytes) -> list[tuple[str, str]]:
    """Field and text of all texts; nothing of the file is unread."""
    found = image_metadata(data)
    assert found.unread == ()
    return [(origin.place.removeprefix("metadata: "), text) for text, origin in found.texts]


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_exif_is_read_in_every_format_that_holds_it(format):
    windows = {0x9C9B: "Ein Titel\0".encode("utf-16-le"), 0x9C9F: "Bär 🐻\0".encode("utf-16-le")}
    data = exif({0x010E: b"a dog", **windows}, b"ASCII\0\0\0two dogs")
    assert places(saved(format, exif=data)) == [
        ("EXIF ImageDescription", "a dog"),
        ("EXIF UserComment", "two dogs"),
        ("EXIF XPTitle", "Ein Titel"),
        ("EXIF XPSubject", "Bär 🐻"),
    ]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (2, b"a dog\0", "a dog"),
        (2, b"a dog\0\0\0\0junk", "a dog"),
        (2, b"dog", "dog"),
        (2, "ein Bär\0".encode("cp1252"), "ein Bär"),
        (2, b"\xef\xbb\xbfa dog\0", "a dog"),
        (129, "ein Bär\0".encode(), "ein Bär"),
        (7, b"a dog\0", "a dog"),
    ],
)
def test_a_description_is_read_in_whatever_encoding_it_was_written(order, kind, value, text):
    data = jpeg_with_exif(tiff_data(order, [(0x0112, 3, b""), (0x010E, kind, value)]))
    assert places(data) == [("EXIF ImageDescription", text)]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"ASCII\0\0\0a dog", "a dog"),
        (b"Ascii\0\0\0a dog\0\0\0", "a dog"),
        (
            b"UNICODE\0" + "ein Bär".encode("utf-16-be"),
            "ein Bär",
        ),
        (b"UNICODE\0" + "ein Bär".encode("utf-16-le"), "ein Bär"),
        (b"UNICODE\0" + "一隻狗在海灘上".encode("utf-16-le"), "一隻狗在海灘上"),
        (b"UNICODE\0" + "一隻狗在海灘上".encode("utf-16-be"), "一隻狗在海灘上"),
        (
            b"UNICODE\0" + "A dog's (3) tails: 2% = $5?".encode("utf-16-le"),
            "A dog's (3) tails: 2% = $5?",
        ),
        (b"UNICODE\0\xff\xfe" + "a dog".encode("utf-16-le"), "a dog"),
        (b"JIS\0\0\0\0\0" + "犬と猫".encode("iso2022_jp"), "犬と猫"),
        (b"JIS\0\0\0\0\0" + "犬と猫".encode("euc_jp"), "犬と猫"),
        (bytes(8) + "ein Bär".encode(), "ein Bär"),
        (b"no prefix here", "no prefix here"),
        (b"ASCII\0\0\0charset=Ascii a dog", "a dog"),
        (b'charset="Unicode" a dog', "a dog"),
    ],
)
def test_a_user_comment_is_read_by_the_encoding_that_it_names(value, text):
    assert places(saved("JPEG", exif=exif(comment=value))) == [("EXIF UserComment", text)]


@pytest.mark.parametrize("empty", [b"ASCII\0\0\0" + b" " * 40, bytes(200), b"UNICODE\0", b""])
def test_an_empty_user_comment_is_no_text(empty):
    assert image_metadata(saved("JPEG", exif=exif(comment=empty))) == ImageMetadata()


def test_a_comment_of_other_bytes_is_told_and_no_text():
    found = image_metadata(saved("JPEG", exif=exif(comment=bytes(8) + b"\1\2a" * 30)))
    assert found == ImageMetadata(unread=("EXIF UserComment",))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_xmp_is_read_in_each_of_its_languages(format):
    packet = XMP.format(
        '<dc:description><rdf:Alt><rdf:li xml:lang="x-default">a dog &amp; a cat</rdf:li>'
        '<rdf:li xml:lang="de">ein Hund\nund 🐻</rdf:li></rdf:Alt></dc:description>'
        "<dc:title>Pets</dc:title>"
    ).encode()
    if format == "PNG":
        data = png_with(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet))
    elif format == "TIFF":
        data = tiff_data("<", [(700, 1, packet)])
    else:
        data = saved(format, xmp=packet)
    found = image_metadata(data)
    assert [(text, origin.place, dict(origin.data)) for text, origin in found.texts] == [
        ("a dog & a cat", "metadata: XMP dc:description", {}),
        ("ein Hund\nund 🐻", "metadata: XMP dc:description", {"language": "de"}),
        ("Pets", "metadata: XMP dc:title", {}),
    ]


def test_xmp_may_write_a_text_as_an_attribute():
    packet = XMP.format("").replace(' rdf:about=""', ' rdf:about="" dc:description="a dog"')
    assert places(saved("JPEG", xmp=packet.encode())) == [("XMP dc:description", "a dog")]


def test_iptc_is_read_as_photoshop_writes_it_and_bare():
    iptc = record((1, 90), b"\x1b%G") + record((2, 5), b"x") + record((2, 120), "ein Bär".encode())
    expected = [("IPTC Caption-Abstract", "ein Bär")]
    assert places(jpeg_with(segment(0xED, photoshop(iptc)))) == expected
    assert places(tiff_data(">", [(0x83BB, 7, iptc)])) == expected
    resources = photoshop(iptc).removeprefix(b"Photoshop 3.0\0")
    assert places(tiff_data(">", [(0x8649, 7, resources)])) == expected


def test_iptc_over_two_segments_is_one():
    whole = photoshop(record((2, 120), b"a dog"))
    cut = len(whole) - 3
    second = b"Photoshop 3.0\0" + whole[cut:]
    parts = segment(0xED, whole[:cut]), segment(0xED, second)
    assert places(jpeg_with(*parts)) == [("IPTC Caption-Abstract", "a dog")]


@pytest.mark.parametrize("after", [False, True])
def test_png_texts_are_read_before_and_after_the_pixels(after):
    data = png_with(
        chunk(b"tEXt", "Description\0ein Bär".encode("latin-1")),
        chunk(b"tEXt", "Description\0noch ein Bär".encode()),
        chunk(b"zTXt", b"Title\0\0" + zlib.compress(b"a dog")),
        chunk(b"iTXt", b"caption\0\1\0de\0x\0" + zlib.compress("drei Bären".encode())),
        chunk(b"iTXt", b"Comment\0\0\0\0\0" + "four 🐻".encode()),
        after=after,
    )
    assert places(data) == [
        ("PNG Description", "ein Bär"),
        ("PNG Description", "noch ein Bär"),
        ("PNG Title", "a dog"),
        ("PNG caption", "drei Bären"),
        ("PNG Comment", "four 🐻"),
    ]


@pytest.mark.parametrize("format", ["JPEG", "GIF"])
def test_comments_are_read(format):
    data = saved(format, comment="zwei Bären".encode())
    assert places(data) == [(f"{format} comment", "zwei Bären")]


def test_all_comments_of_a_jpeg_are_read():
    data = jpeg_with(segment(0xFE, b"one dog"), b"\xff", segment(0xFE, b"two dogs"))
    assert [text for _, text in places(data)] == ["one dog", "two dogs"]


@pytest.mark.parametrize(
    "data",
    [
        saved("PNG", pnginfo=png_info(parameters=PARAMETERS)),
        saved("JPEG", exif=exif(comment=b"UNICODE\0" + PARAMETERS.encode("utf-16-be"))),
    ],
    ids=["PNG parameters", "EXIF UserComment"],
)
def test_of_the_parameters_of_a_generated_image_the_prompt_is_the_text(data):
    ((text, origin),) = image_metadata(data).texts
    assert text == "a red fox, snow"
    assert dict(origin.data) == {
        "negative prompt": "blurry, text",
        "settings": "Steps: 20, Sampler: Euler a, CFG scale: 7",
    }


def test_parameters_without_a_prompt_are_no_text():
    found = image_metadata(saved("PNG", pnginfo=png_info(parameters="Steps: 20, Seed: 1")))
    assert found == ImageMetadata(not_used=(("PNG parameters", "Steps: 20, Seed: 1"),))


def test_what_programs_write_by_themselves_is_seen_and_not_used():
    texts = png_info(Software="GIMP 2.10", Comment="Created with GIMP", prompt='{"3": {"x": 1}}')
    found = image_metadata(saved("PNG", pnginfo=texts))
    assert found.texts == ()
    assert found.not_used == (
        ("PNG Software", "GIMP 2.10"),
        ("PNG Comment", "Created with GIMP"),
        ("PNG prompt", '{"3": {"x": 1}}'),
    )
    data = saved("JPEG", exif=exif({0x010E: "OLYMPUS DIGITAL CAMERA         "}))
    assert image_metadata(data).not_used[0][0] == "EXIF ImageDescription"


def test_dates_in_a_png_are_not_even_told():
    texts = png_info(**{"date:create": "2020-01-01", "Creation Time": "2020"})
    assert image_metadata(saved("PNG", pnginfo=texts)) == ImageMetadata()


BOMB = b'<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><a>&b;</a>'


@pytest.mark.parametrize(
    ("data", "block"),
    [
        (jpeg_with_exif(b"II*\0"), "EXIF"),
        (jpeg_with_exif(b"no TIFF data"), "EXIF"),
        (jpeg_with_exif(tiff_data("<", [(0x010E, 2, b"a long description")])[:-8]), "EXIF"),
        (jpeg_with_exif(b"II*\0\xff\xff\xff\xff"), "EXIF"),
        (saved("WEBP", exif=exif({0x010E: b"a" * (1 << 21)})), "EXIF ImageDescription"),
        (saved("JPEG", xmp=BOMB), "XMP"),
        (saved("JPEG", xmp=b"\xff\xfe" + BOMB.decode().encode("utf-16-le")), "XMP"),
        (saved("JPEG", xmp=b"<x:xmpmeta"), "XMP"),
        (saved("WEBP", xmp=b"<a>" + b" " * (1 << 20) + b"</a>"), "XMP"),
        (jpeg_with(segment(0xED, photoshop(record((2, 120), b"a dog"))[:-2])), "IPTC"),
        (jpeg_with(segment(0xED, photoshop(record((2, 120), b"a dog"), more=1))), "IPTC"),
        (tiff_data("<", [(0x83BB, 7, record((2, 120), b"a dog")[:-2])]), "IPTC"),
        (png_with(chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"a" * (2 << 20)))), "PNG Comment"),
        (png_with(chunk(b"zTXt", b"Title\0\0" + zlib.compress(b"a dog")[:-5])), "PNG Title"),
        (png_with(chunk(b"zTXt", b"Title\0\0no zlib")), "PNG Title"),
        (png_with(chunk(b"tEXt", b"Title\0" + b"a" * (1 << 20) + b"b")), "PNG Title"),
    ],
)
def test_a_block_that_cannot_be_read_is_named(data, block):
    assert image_metadata(data) == ImageMetadata(unread=(block,))


def test_beside_a_damaged_block_the_others_are_read():
    found = image_metadata(
        jpeg_with(segment(0xE1, b"Exif\0\0II*\0"), segment(0xFE, b"a dog on a beach"))
    )
    assert found.unread == ("EXIF",)
    assert [text for text, _ in found.texts] == ["a dog on a beach"]


def test_of_a_damaged_directory_the_whole_values_are_read():
    tags = [(0x010E, 2, b"a dog\0"), (0x9C9B, 1, "long title".encode("utf-16-le"))]
    found = image_metadata(jpeg_with_exif(tiff_data(">", tags)[:-4]))
    assert found.unread == ("EXIF",)
    assert [text for text, _ in found.texts] == ["a dog"]


def test_many_packed_texts_are_unpacked_only_so_far():
    one = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"a dog " * 170_000))
    found = image_metadata(png_with(*[one] * 40))
    assert len(found.texts) == 8
    assert found.unread == ("PNG Comment",)


def test_of_many_texts_only_so_many_are_read():
    found = image_metadata(png_with(*[chunk(b"tEXt", b"Comment\0a dog")] * 101))
    assert (len(found.texts), found.unread) == (100, ("PNG Comment",))
    found = image_metadata(jpeg_with(*[segment(0xFE, b"a dog")] * 101))
    assert (len(found.texts), found.unread) == (100, ("JPEG comment",))


def test_deep_xmp_is_read_without_going_down():
    deep = "<dc:title>" * 20_000 + "</dc:title>" * 20_000
    found = image_metadata(saved("WEBP", xmp=XMP.format(deep).encode()))
    assert found == ImageMetadata()


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM"])
def test_an_image_without_metadata_has_none(format):
    assert image_metadata(saved(format)) == ImageMetadata()


WHOLE = [
    saved("JPEG", exif=exif({0x010E: b"a dog"}, b"ASCII\0\0\0two"), xmp=XMP.format("").encode()),
    jpeg_with(segment(0xED, photoshop(record((2, 120), b"a dog"))), segment(0xFE, b"three")),
    saved("PNG", pnginfo=png_info(Description="a dog", parameters=PARAMETERS)),
    saved("WEBP", exif=exif({0x010E: b"a dog"}), xmp=XMP.format("<dc:title>x</dc:title>").encode()),
    saved("TIFF", exif=exif({0x010E: b"a dog"})),
    saved("GIF", comment=b"a dog"),
    saved("AVIF", exif=exif({0x010E: b"a dog"})),
]


@given(st.sampled_from(WHOLE), st.data())
def test_damaged_files_never_raise(whole, draw):
    data = bytearray(whole)
    for _ in range(draw.draw(st.integers(1, 6))):
        data[draw.draw(st.integers(0, min(len(data), 700) - 1))] = draw.draw(st.integers(0, 255))
    image_metadata(bytes(data[: draw.draw(st.integers(0, len(data)))]))


def test_reading_decodes_no_pixels(monkeypatch: pytest.MonkeyPatch):
    def load(self: Image.Image) -> None:
        raise AssertionError("pixels were decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", load)
    for data in WHOLE:
        assert image_metadata(data).texts
    with pytest.raises(AssertionError, match="decoded"):
        Image.open(io.BytesIO(WHOLE[0])).load()
