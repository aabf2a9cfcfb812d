"""Several files at once."""

import os
import threading
from pathlib import Path

import pytest
from PIL import Image

from app.workbench.image.uploaded_files import read_upload, uploaded_path
from app.workbench.image.uploads import MOST_FILES, Upload, open_upload, too_many, uploads_from
from blip2core.errors import ImageError
from tests.app.visitor import upload


def test_files_have_the_names_they_had(tmp_path: Path) -> None:
    file = upload(tmp_path, "x.png", Image.new("RGB", (4, 4))) | {"orig_name": "naïve name.png"}
    (found,) = uploads_from([file])
    assert open_upload(found).name == found.name == "naïve name.png"
    assert uploads_from(None) == []


def test_bad_files_are_explained(tmp_path: Path) -> None:
    file = upload(tmp_path, "x.png", b"Dear diary")
    with pytest.raises(ImageError, match="is not an image but a text"):
        open_upload(*uploads_from([file]))
    with pytest.raises(ImageError, match="add it again") as error:
        open_upload(Upload(path=f"{file['path']}-gone", name="gone.png"))
    assert file["path"] not in str(error.value)


def test_only_regular_files_among_the_uploads_are_opened(tmp_path: Path) -> None:
    inside = Path(upload(tmp_path, "x.png", Image.new("RGB", (4, 4)))["path"])
    assert read_upload(str(inside)) == inside.read_bytes()
    outside, link, pipe = tmp_path / "y.png", inside.with_name("link"), inside.with_name("pipe")
    outside.write_bytes(b"secret")
    link.symlink_to(outside)
    os.mkfifo(pipe)
    # Should the pipe be opened after all, it ends: the test fails and does not hang.
    threading.Thread(target=lambda: pipe.open("wb").close(), daemon=True).start()
    circle = inside.with_name("circle")
    circle.symlink_to(circle)
    climbing = inside.parent / ".." / ".." / ".." / "etc" / "passwd"
    for path in (outside, link, pipe, circle, climbing, inside.parent, "/dev/zero", "a\0b", "", 7):
        with pytest.raises(ImageError):
            read_upload(str(path) if isinstance(path, Path) else path)


def test_too_many_are_refused_in_words() -> None:
    file = Upload(path="a", name="a")
    assert too_many([file] * MOST_FILES) == ""
    assert str(MOST_FILES + 1) in too_many([file] * (MOST_FILES + 1))


def test_a_path_that_no_file_can_have_is_refused() -> None:
    for path in ("\ud800", "a\0b", "x" * 5_000):
        with pytest.raises(ImageError):
            uploaded_path(path)
