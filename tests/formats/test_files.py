"""What a file is by its first bytes, whatever its name says."""

import sys

import pytest
from PIL import Image

from blip2core.errors import ImageError
from blip2core.formats.files import kind_of
from blip2core.intake import NamedFile, check_image, read
from tests.intake.making import encoded, images, zipped

HEIC = b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic" + bytes(600)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_the_bytes_of_an_image_decide(format: str) -> None:
    data = encoded(Image.new("RGB", (16, 16), "red"), format)
    for name in ("photo", "photo.csv", "photo.zip", "photo.heic", "photo.dat"):
        assert kind_of(NamedFile(name, data)) == "image"
        [found] = images(read(NamedFile(name, data)))
        assert check_image(found.data).width == 16


def test_heic_photos_are_images_also_without_the_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)
    assert kind_of(NamedFile("photo", HEIC)) == "image"
    [found] = images(read(NamedFile("t.zip", zipped({"IMG_1.HEIC": HEIC}))))
    with pytest.raises(ImageError, match="pip install pillow-heif"):
        check_image(found.data)
