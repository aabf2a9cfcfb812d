"""Files and names that outlive a power cut: a synced file is lost where its folder is not."""

import errno
import os
from collections.abc import Iterable
from pathlib import Path

LEVELS = 3
"""Folders above a file that may be as new as the file, such as ab/ and images/ of an image."""


def sync_file(path: Path) -> None:
    """Sync what is in a file to disk, whoever wrote it. Its name is another matter: `sync_name`."""
    handle = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)  # as Windows asks
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_name(path: Path) -> None:
    """Sync the name of a file or folder to disk, and the names of the folders that it lies in.

    Those are synced whoever made them: a process may have been killed before it could.
    """
    sync_names([path])


def sync_names(paths: Iterable[Path]) -> None:
    """Sync the names of several files as `sync_name` does, each folder once, the deepest first."""
    folders = {folder for path in paths for folder in [*path.absolute().parents][:LEVELS]}
    for folder in sorted(folders, key=lambda one: (-len(one.parts), one)):
        sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Sync the names in a folder to disk, where the system can do that and the folder may be
    read.
    """
    if os.name != "posix":
        return
    try:
        handle = os.open(folder, os.O_RDONLY)
    except PermissionError:  # of another owner, so it is not as new as what we put below it
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that only reads, above one that writes
            raise
    finally:
        os.close(handle)
