"""An image is copied if its bytes are those of its hash; else a sentence says which, and why."""

from pathlib import Path

import pytest

from blip2core.errors import StorageError
from blip2core.storage.image_copy import copy_image
from blip2core.storage.images import ImageStore
from blip2core.storage.missing_images import WantedImage


@pytest.fixture
def source(tmp_path: Path) -> ImageStore:
    return ImageStore(tmp_path / "images")


@pytest.fixture
def target(tmp_path: Path) -> ImageStore:
    return ImageStore(tmp_path / "copy")


@pytest.fixture
def image(source: ImageStore) -> WantedImage:
    return WantedImage(sha256=source.put(b"image", format="PNG"), format="PNG", bytes=5)


def test_the_bytes_are_copied(source: ImageStore, image: WantedImage, target: ImageStore) -> None:
    assert copy_image(source, image, target) == ""
    assert target.read(image.sha256, format="PNG") == b"image"


@pytest.mark.parametrize(("left", "why"), [(None, "not in the store any more"), (b"i", "damaged")])
def test_what_cannot_be_read_is_told_and_nothing_is_written(
    source: ImageStore, image: WantedImage, target: ImageStore, left: bytes | None, why: str
) -> None:
    path = source.path(image.sha256, format="PNG")
    path.unlink()
    if left is not None:
        path.write_bytes(left)
    said = copy_image(source, image, target, failed="is not in the backup")
    assert said.startswith(f"the image {path} is not in the backup: ") and why in said
    assert not target.root.exists()


def test_what_cannot_be_written_is_an_error(
    source: ImageStore, image: WantedImage, target: ImageStore
) -> None:
    target.root.write_text("in the way")
    with pytest.raises(StorageError, match="cannot be stored"):
        copy_image(source, image, target)
