"""Tags that take more bytes than there are: refused before anything copies them."""

import io
import struct
import zlib
from collections.abc import Callable

import pytest
from PIL import Image, PngImagePlugin, TiffImagePlugin

from blip2core.errors import ImageError
from blip2core.image_files import open_file
from blip2core.images import open_image, orientation
from blip2core.tag_directories import claims_too_much, is_directory_bomb
from tests.intake.making import encoded

PHOTO = Image.new("RGB", (8, 6), (200, 20, 20))
TURNED = 6


def directory(tags: int, size: int, *, order: str = "<", big: bool = False) -> bytes:
    """Data whose tags all name the same bytes; the first says how the camera was held."""
    mark = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}H", 43 if big else 42)
    number, entry = ("Q", f"{order}HHQ8s") if big else ("I", f"{order}HHI4s")
    head = struct.pack(f"{order}HHQ", 8, 0, 16) if big else struct.pack(f"{order}I", 8)
    entries = [struct.pack(entry, 0x0112, 3, 1, struct.pack(f"{order}H", TURNED))]
    place = struct.pack(order + number, 8)
    entries += [struct.pack(entry, 0xC800 + tag, 7, size, place) for tag in range(tags)]
    count = struct.pack(f"{order}Q" if big else f"{order}H", len(entries))
    data = mark + head + count + b"".join(entries) + struct.pack(order + number, 0)
    return data + bytes(max(0, size + 8 - len(data)))


def jpeg(exif: bytes) -> bytes:
    """A JPEG file whose EXIF data goes over as many segments as it takes."""
    plain = encoded(PHOTO, "JPEG")
    segments = b""
    for start in range(0, len(exif), 65_000):
        content = b"Exif\0\0" + exif[start : start + 65_000]
        segments += b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content
    return plain[:2] + segments + plain[2:]


def png(exif: bytes) -> bytes:
    plain = encoded(PHOTO, "PNG")
    chunk = struct.pack(">I", len(exif)) + b"eXIf" + exif
    return plain[:33] + chunk + struct.pack(">I", zlib.crc32(chunk[4:])) + plain[33:]


def png_text(exif: bytes) -> bytes:
    """As ImageMagick writes it."""
    text = PngImagePlugin.PngInfo()
    text.add_text("Raw profile type exif", f"\nexif\n{len(exif)}\n{exif.hex()}")
    return encoded(PHOTO, "PNG", pnginfo=text)


def webp(exif: bytes) -> bytes:
    return encoded(PHOTO, "WEBP", exif=exif)


def avif(exif: bytes) -> bytes:
    """Pillow would write the tags anew: so an empty directory of the same length is replaced."""
    empty = b"II*\0" + struct.pack("<IH", 8, 0)
    empty += b"x" * (len(exif) - len(empty))
    return encoded(PHOTO, "AVIF", exif=empty).replace(empty, exif)


BOMB = directory(200, 200_000)
FINE = directory(200, 100)
FILES: list[Callable[[bytes], bytes]] = [jpeg, png, png_text, webp, avif]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
def test_values_are_added_up(order: str, big: bool) -> None:
    assert claims_too_much(directory(200, 200_000, order=order, big=big))
    assert claims_too_much(b"Exif\0\0" + directory(2, 200_000, order=order, big=big))
    assert not claims_too_much(directory(1, 200_000, order=order, big=big))
    assert not claims_too_much(directory(200, 100, order=order, big=big))


def test_damaged_data_claims_nothing() -> None:
    for end in range(40):
        assert not claims_too_much(BOMB[:end])
    beyond = b"II*\0" + struct.pack("<IHHHII", 8, 1, 0xA000, 7, 4_000_000_000, 4_000_000_000)
    assert not claims_too_much(beyond)


@pytest.fixture
def copied(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many values Pillow read from directories."""
    sizes: list[int] = []
    load = TiffImagePlugin.ImageFileDirectory_v2.load

    def counted(self: TiffImagePlugin.ImageFileDirectory_v2, fp: io.BytesIO) -> None:
        load(self, fp)
        sizes.extend(len(value) for value in self._tagdata.values())

    monkeypatch.setattr(TiffImagePlugin.ImageFileDirectory_v2, "load", counted)
    return sizes


@pytest.mark.parametrize("file", FILES)
def test_an_orientation_is_read_where_all_is_well(
    file: Callable[[bytes], bytes], copied: list[int]
) -> None:
    data = file(FINE)
    copied.clear()  # of writing
    with open_file(data) as image:
        assert orientation(image) == (1 if file is avif else TURNED)  # AVIF has a field of its own
    assert copied


@pytest.mark.parametrize("file", FILES)
def test_a_bomb_is_never_copied(file: Callable[[bytes], bytes], copied: list[int]) -> None:
    """Where Pillow reads the tags while it opens a file, that is refused."""
    data = file(BOMB)
    copied.clear()  # of writing
    if is_directory_bomb(data):
        with pytest.raises(ImageError, match="tags take more bytes than the file has"):
            open_image(data)
    else:
        assert open_image(data).size == (8, 6)  # upright as it is: what turns it is not read
    assert sum(copied) < 1_000


@pytest.mark.parametrize(("file", "refused"), [(jpeg, True), (avif, True), (png, False)])
def test_which_files_are_refused(file: Callable[[bytes], bytes], refused: bool) -> None:
    assert is_directory_bomb(file(BOMB)) == refused
    assert not is_directory_bomb(file(FINE))


def test_a_tiff_file(copied: list[int]) -> None:
    plain = encoded(PHOTO, "TIFF")
    assert not is_directory_bomb(plain) and open_image(plain).size == (8, 6)
    copied.clear()
    with pytest.raises(ImageError, match="tags take more bytes than the file has"):
        open_image(BOMB)
    assert copied == []


def test_lists_of_further_images_in_a_jpeg_file(copied: list[int]) -> None:
    content = b"MPF\0" + directory(3_000, 29_000)
    plain = encoded(PHOTO, "JPEG")
    data = plain[:2] + b"\xff\xe2" + struct.pack(">H", len(content) + 2) + content + plain[2:]
    with pytest.raises(ImageError, match="tags take more bytes than the file has"):
        open_image(data)
    assert copied == []


@pytest.mark.parametrize("format", ["JPEG", "MPO", "PNG", "WEBP", "TIFF", "AVIF", "GIF"])
def test_ordinary_files_are_none(format: str) -> None:
    more = {"save_all": True, "append_images": [PHOTO]} if format == "MPO" else {}
    assert not is_directory_bomb(encoded(PHOTO, format, **more))
