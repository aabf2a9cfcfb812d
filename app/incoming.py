"""Folders for uploads that wait to be imported: each process has its own, and several may share a
database and its images.

What a killed process left is removed by the next one that starts; a lock, which ends with its
process, says who is still there.
"""

from __future__ import annotations

import shutil
import uuid
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout


class Incoming:
    """The folder of this process below `root`. Nothing of it is served to anybody."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._name = uuid.uuid4().hex
        self._lock: FileLock | None = None

    def open(self) -> None:
        """Remove what killed processes left, and take a folder. Raises OSError."""
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = lock_of(self._root / self._name)
        self._lock.acquire(timeout=0)  # before the folder is there, so that nobody removes it
        for folder in [found for found in self._root.iterdir() if found.is_dir()]:
            _remove_unless_used(folder)
        (self._root / self._name).mkdir(mode=0o700)

    def new_folder(self) -> Path:
        """Return an empty folder for the uploads of one import. Raises OSError."""
        folder = self._root / self._name / uuid.uuid4().hex
        folder.mkdir(parents=True, mode=0o700)
        return folder

    def close(self) -> None:
        """Give the folder up; what still waits in it is not imported any more."""
        shutil.rmtree(self._root / self._name, ignore_errors=True)
        if self._lock is not None:
            self._lock.release()
            Path(self._lock.lock_file).unlink(missing_ok=True)


def lock_of(folder: Path) -> FileLock:
    """Return the lock of a folder, which lies beside it."""
    return FileLock(f"{folder}.lock", thread_local=False)


def _remove_unless_used(folder: Path) -> None:
    lock = lock_of(folder)
    with suppress(Timeout, OSError), lock.acquire(timeout=0):
        shutil.rmtree(folder, ignore_errors=True)
        Path(lock.lock_file).unlink(missing_ok=True)
