"""Uploads are in a folder of the studio's own, count what they take, and are swept when old."""

import os
import time
from pathlib import Path

import pytest

from app.serving.upload_folder import (
    BLOCK,
    is_own,
    make_upload_folder,
    size_of_folder,
    sweep_folder,
)
from blip2core.errors import ConfigError

SOON = 60.0
"""Seconds from now, when all that a test has made is old."""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files, where no other one was chosen."""
    monkeypatch.delenv("GRADIO_TEMP_DIR")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path.resolve()


def test_the_folder_is_our_own_and_closed_to_others(temporary: Path) -> None:
    folder = make_upload_folder()
    assert folder.parent == temporary and folder.name.endswith(f"-{os.geteuid()}")
    assert is_own(folder) and not is_own(temporary) and not is_own(temporary / "gradio")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert os.environ["GRADIO_TEMP_DIR"] == str(folder)
    folder.chmod(0o755)
    assert make_upload_folder() == folder, "the folder in itself is not made"
    assert folder.stat().st_mode & 0o777 == 0o700


def test_it_lies_in_the_folder_that_was_chosen(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (temporary / "disk").mkdir()
    (temporary / "link").symlink_to("disk")
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(temporary / "link" / "uploads"))
    assert make_upload_folder() == temporary / "disk" / "uploads" / "blip2-studio-uploads"


def test_a_folder_that_others_have_laid_there_is_not_taken(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = make_upload_folder()
    monkeypatch.delenv("GRADIO_TEMP_DIR")
    place.rmdir()
    place.symlink_to(temporary)
    with pytest.raises(ConfigError, match="is a link. Set GRADIO_TEMP_DIR"):
        make_upload_folder()
    place.unlink()
    place.write_text("a file")
    with pytest.raises(ConfigError, match="cannot be kept: File exists"):
        make_upload_folder()
    place.unlink()
    place.mkdir()
    other = os.geteuid() + 1
    place.rename(temporary / f"blip2-studio-uploads-{other}")
    monkeypatch.setattr("os.geteuid", lambda: other)
    with pytest.raises(ConfigError, match="is not ours. Set GRADIO_TEMP_DIR"):
        make_upload_folder()
    assert "GRADIO_TEMP_DIR" not in os.environ


def test_tiny_files_and_their_folders_take_room(tmp_path: Path) -> None:
    assert size_of_folder(tmp_path / "none") == 0
    for number in range(10):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "x").write_bytes(b"x" * (number % 2))
    assert size_of_folder(tmp_path) == 20 * BLOCK
    (tmp_path / "large").write_bytes(b"x" * (BLOCK + 1))
    assert size_of_folder(tmp_path) == 22 * BLOCK


def test_what_is_old_is_deleted_and_no_link_is_followed(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "uploads"
    for place in (outside, folder / "a", folder / "b", folder / "empty"):
        place.mkdir(parents=True)
    (outside / "of others").write_text("x")
    (folder / "a" / "old").write_text("x")
    (folder / "b" / "of the page").write_text("x")
    (folder / "linked").symlink_to(outside)
    (folder / "linked file").symlink_to(outside / "of others")
    os.utime(folder / "a" / "old", (1.0, 1.0))  # as a copy of something old
    assert sweep_folder(folder, time.time() - SOON) == [], "all is new"
    kept = str(folder / "b" / "of the page")
    assert sweep_folder(folder, time.time() + SOON, keep={kept}) == [str(folder / "a" / "old")]
    assert {path.name for path in folder.iterdir()} == {"b", "linked", "linked file"}
    assert Path(kept).exists() and (outside / "of others").exists()
    assert sweep_folder(tmp_path / "none", time.time()) == []
