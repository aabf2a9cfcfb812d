"""Uploads that wait belong to one process; only what a killed one left is removed."""

import subprocess
import sys
from pathlib import Path

import pytest

from app.incoming import Incoming

ANOTHER = """
import sys, time
from pathlib import Path
from app.incoming import Incoming
incoming = Incoming(Path(sys.argv[1]))
incoming.open()
(incoming.new_folder() / "upload.zip").write_text("waits")
print("open", flush=True)
time.sleep(600)
"""


def uploads(root: Path) -> list[Path]:
    return list(root.rglob("upload.zip"))


def test_another_process_keeps_its_uploads_until_it_is_gone(tmp_path: Path) -> None:
    another = subprocess.Popen(
        [sys.executable, "-c", ANOTHER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert another.stdout is not None and another.stdout.readline() == "open\n"
        mine = Incoming(tmp_path)
        mine.open()
        assert len(uploads(tmp_path)) == 1
        (mine.new_folder() / "upload.zip").write_text("waits too")
    finally:
        another.kill()
        another.wait()
        another.stdout.close()
    Incoming(tmp_path).open()
    assert [file.read_text() for file in uploads(tmp_path)] == ["waits too"]


def test_folders_of_an_earlier_version_are_removed(tmp_path: Path) -> None:
    (tmp_path / "incoming" / "0123").mkdir(parents=True)
    (tmp_path / "incoming" / "0123" / "upload.zip").write_text("left")
    Incoming(tmp_path / "incoming").open()
    assert uploads(tmp_path) == []


def test_nothing_is_left_after_the_end(tmp_path: Path) -> None:
    incoming = Incoming(tmp_path / "incoming")
    incoming.open()
    folder = incoming.new_folder()
    assert folder.stat().st_mode & 0o077 == 0 and list(folder.iterdir()) == []
    assert incoming.new_folder() != folder
    incoming.close()
    assert list((tmp_path / "incoming").iterdir()) == []


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        Incoming(tmp_path / "file").open()
