"""Folders that are written to: whether they can be, and how much room there is."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from blip2core.cli.doctor.findings import Finding, State, bytes_in_words
from blip2core.errors import Blip2Error

AREA = "disk"
LOW, TOO_LOW = 5_000_000_000, 500_000_000
"""Bytes below which there is a note, and a problem."""


def check_disk() -> Iterator[Finding]:
    """Yield what is known of each folder. A file is made in each, and removed again."""
    for name, folder, setting in folders():
        yield look_at(name, folder, setting)


def folders() -> Iterator[tuple[str, Path, str]]:
    """Yield each folder with its name and the setting that moves it elsewhere."""
    from blip2core.storage.database import default_data_folder, locate

    try:
        data = locate()[1]
    except Blip2Error:  # the check of the database says what is wrong with its address
        data = default_data_folder()
    temporary = Path(tempfile.gettempdir())
    uploads = os.environ.get("GRADIO_TEMP_DIR")
    yield "data", data, "BLIP2_DATA"
    yield "uploads", Path(uploads) if uploads else temporary, "GRADIO_TEMP_DIR"
    yield "temporary", temporary, "TMPDIR"
    yield "model cache", model_cache(), "HF_HOME"


def model_cache() -> Path:
    """Return where models of the Hub are kept."""
    home = os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface"
    return Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub").expanduser()


def look_at(name: str, folder: Path, setting: str) -> Finding:
    """Return what is known of a folder; where it is not there, of the one it would be made in."""
    there = next((one for one in (folder, *folder.absolute().parents) if one.exists()), folder)
    elsewhere = f"Make it writable for this user, or set {setting} to a folder that is."
    if not there.is_dir():
        detail = f"{folder} cannot be there, as {there} is no folder"
        return _finding(name, detail, "problem", f"Set {setting} to a folder.")
    try:
        # Trying is the only answer that counts: rights, quotas, read-only file systems.
        with tempfile.NamedTemporaryFile(dir=there, prefix=".blip2-doctor-"):
            pass
        free = shutil.disk_usage(there).free
    except OSError as error:
        detail = f"{folder} cannot be written to ({error.strerror})"
        return _finding(name, detail, "problem", elsewhere)
    detail = f"{folder}: {bytes_in_words(free)} free"
    detail += "" if there == folder else ", not there yet"
    if free < TOO_LOW:
        return _finding(name, detail, "problem", f"Make room, or set {setting} to another disk.")
    if free < LOW:
        return _finding(name, detail, "note", "Large models and imports need more.")
    return _finding(name, detail, "ok", "")


def _finding(name: str, detail: str, state: State, remedy: str) -> Finding:
    return Finding(area=AREA, name=name, detail=detail, state=state, remedy=remedy)
