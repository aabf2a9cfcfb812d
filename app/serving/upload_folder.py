"""The folder of uploads: the studio's own, how full it is, and what is old in it.

Nothing is imported here that imports Gradio, which reads where the folder is when it is imported.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from blip2core.errors import ConfigError, os_problem

VARIABLE = "GRADIO_TEMP_DIR"
"""Where Gradio reads the folder that it keeps files in."""
NAME = "blip2-studio-uploads"
BLOCK = 4_096
"""Bytes that the smallest file, and each folder, takes on a disk."""


def make_upload_folder() -> Path:
    """Make a folder that belongs to the studio alone, let Gradio use it, and return it.

    It lies in the folder that GRADIO_TEMP_DIR names, else in that of temporary files: other
    programs keep files there. Call it before Gradio is imported.

    Raises ConfigError where the folder cannot be made, or may be somebody else's.
    """
    given = os.environ.get(VARIABLE)
    parent = Path(given or tempfile.gettempdir()).resolve()
    user = os.geteuid() if hasattr(os, "geteuid") else None  # Windows has one for each user anyway
    folder = parent / (NAME if given or user is None else f"{NAME}-{user}")
    if is_own(parent):  # this was called before, perhaps by the process that started this one
        folder = parent
    remedy = f"Set {VARIABLE} to a folder that belongs to this user."
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode):
            raise ConfigError(f"Uploads would be kept in {folder}, which is a link. {remedy}")
        if user == found.st_uid:
            folder.chmod(0o700)
        elif user is not None and not given:
            raise ConfigError(f"Uploads would be kept in {folder}, which is not ours. {remedy}")
    except OSError as error:
        raise ConfigError(f"Uploads cannot be kept: {os_problem(error)}. {remedy}") from error
    os.environ[VARIABLE] = str(folder)
    return folder


def is_own(folder: Path) -> bool:
    """Return whether a folder was made by `make_upload_folder`, so that all in it is ours."""
    return folder.name == NAME or folder.name.startswith(f"{NAME}-")


def size_of_folder(folder: Path) -> int:
    """Return the bytes that all below a folder takes on the disk; 0 where it is not there.

    Many tiny files take more than they hold: each at least a block, and its folder another.
    """
    total = 0
    for parent, folders, names in os.walk(folder):
        total += BLOCK * len(folders)
        for name in names:
            with suppress(OSError):  # deleted meanwhile
                size = os.lstat(os.path.join(parent, name)).st_size
                total += BLOCK * max(1, -(-size // BLOCK))
    return total


def sweep_folder(folder: Path, before: float, *, keep: Collection[str] = ()) -> list[str]:
    """Delete the files below a folder that have not changed since `before`, in seconds of the
    epoch, and folders that have been empty so long; return the paths of the files.

    Links are not followed and stay where they are, as do the paths in `keep`.
    """
    deleted = []
    for parent, folders, names in os.walk(folder, topdown=False):
        for path in (os.path.join(parent, name) for name in names):
            with suppress(OSError):  # deleted meanwhile
                found = os.lstat(path)
                # Not the time of the content: a copy has that of what it was copied from.
                if stat.S_ISREG(found.st_mode) and found.st_ctime < before and path not in keep:
                    os.unlink(path)
                    deleted.append(path)
        for path in (os.path.join(parent, name) for name in folders):
            with suppress(OSError):  # not empty
                found = os.lstat(path)
                if stat.S_ISDIR(found.st_mode) and found.st_mtime < before:
                    os.rmdir(path)
    return deleted
