"""Images under the hash of their bytes. Names that people gave them never become paths."""

import hashlib
import os
import re
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from blip2core.disk import sync_folder, sync_name, sync_names
from blip2core.errors import StorageError, way_out
from blip2core.records import SUFFIX_OF_FORMAT

SHA256 = re.compile(r"[0-9a-f]{64}")
PARTIAL = ".partial"
WRITERS = 8
"""Threads that write side by side; they wait for the disk most of the time."""


@dataclass(frozen=True, slots=True)
class ImageStore:
    """A folder of images: ab/ab12...ef.jpg. The bytes come first, the row in the tables second:
    a crash in between leaves bytes that nothing refers to, which `sweep` takes away.
    """

    root: Path

    def put(self, data: bytes, *, format: str) -> str:
        """Store the bytes of an image file -> their SHA-256. They are on disk when it returns.

        A damaged file of this name is replaced.
        """
        (sha256,) = self.put_all([(data, format)])
        return sha256

    def put_all(self, files: Sequence[tuple[bytes, str]]) -> list[str]:
        """Store several image files, each with its format -> their SHA-256. All are on disk when it
        returns: they are written side by side, and then each folder is synced once.

        Raises StorageError where one cannot be stored; others may then be there all the same.
        """
        targets = []
        for data, format in files:
            sha256 = hashlib.sha256(data).hexdigest()
            targets.append((self.path(sha256, format=format), data))
        try:
            write_all(targets)
            sync_names([target for target, _ in targets])
        except OSError as error:
            said = error.strerror or str(error)
            help = way_out(error) or "; name a folder that can be written (BLIP2_DATA)"
            raise StorageError(
                f"The image cannot be stored in {self.root}: {said}{help}."
            ) from error
        return [target.stem for target, _ in targets]

    def path(self, sha256: str, *, format: str) -> Path:
        """Return where an image lies. Raises StorageError where `sha256`, perhaps from outside, is
        no hash.
        """
        if not SHA256.fullmatch(sha256) or format not in SUFFIX_OF_FORMAT:
            raise StorageError("This is not the name of a stored image.")
        return self.root / sha256[:2] / f"{sha256}.{SUFFIX_OF_FORMAT[format]}"

    def has(self, sha256: str, *, format: str, bytes: int) -> bool:
        """Return whether a file of this name and size is there; nothing of it is read."""
        try:
            found = self.path(sha256, format=format).stat()
        except OSError:
            return False
        return stat.S_ISREG(found.st_mode) and found.st_size == bytes

    def read(self, sha256: str, *, format: str) -> bytes:
        """Return the bytes, checked against their hash. Raises StorageError where they are gone,
        damaged, or cannot be read.
        """
        path = self.path(sha256, format=format)
        try:
            data = path.read_bytes()
        except FileNotFoundError as error:
            raise StorageError(f"The image {sha256[:12]} is not in the store any more.") from error
        except OSError as error:
            raise StorageError(f"The image {path} cannot be read ({error.strerror}).") from error
        if hashlib.sha256(data).hexdigest() != sha256:
            raise StorageError(f"The stored image {sha256[:12]} is damaged; import it again.")
        return data

    def delete(self, sha256: str, *, format: str) -> bool:
        """Delete the bytes, after the row in the tables says so -> whether there were any.

        They are gone from the disk when it returns. Raises StorageError where the file stays.
        """
        target = self.path(sha256, format=format)
        try:
            target.unlink()
            sync_folder(target.parent)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise StorageError(
                f"The image file {target} cannot be deleted ({error.strerror})."
            ) from error
        return True

    def sync_names(self) -> None:
        """Sync the names of all images to disk: who put them may have been killed before that."""
        if self.root.is_dir():
            for folder in self.root.glob("??"):
                sync_folder(folder)
            sync_folder(self.root)
            sync_name(self.root)

    def sweep(self, is_wanted: Callable[[str], bool], *, older_than: float = 3600.0) -> int:
        """Remove files that nothing refers to and half-written ones; return how many.

        Files younger than `older_than` seconds stay: their row may be on its way.
        """
        removed = 0
        for file in self.unwanted(is_wanted, older_than=older_than):
            with suppress(FileNotFoundError):
                file.unlink()
                removed += 1
        return removed

    def unwanted(
        self, is_wanted: Callable[[str], bool], *, older_than: float = 3600.0
    ) -> list[Path]:
        """Return the files that `sweep` removes."""
        found = []
        for file in self._files():
            wanted = file.suffix != PARTIAL and is_wanted(file.stem)
            with suppress(FileNotFoundError):
                if not wanted and file.stat().st_mtime <= time.time() - older_than:
                    found.append(file)
        return found

    def _files(self) -> Iterator[Path]:
        if self.root.is_dir():
            yield from (file for file in self.root.glob("??/*") if file.is_file())


def write_all(files: Sequence[tuple[Path, bytes]]) -> None:
    """Write each file under another name, sync and rename: all of it, or nothing. What is there
    already is only made young again, so that a sweep leaves it to the row to come.
    """
    partials: list[tuple[str, Path]] = []

    def write(one: tuple[Path, bytes]) -> None:
        target, data = one
        if target.is_file() and target.read_bytes() == data:
            os.utime(target)
            return
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, partial = tempfile.mkstemp(dir=target.parent, suffix=PARTIAL)
        partials.append((partial, target))
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    try:
        if len(files) > 1:  # a disk syncs many files at once as fast as one
            with ThreadPoolExecutor(WRITERS, thread_name_prefix="write") as pool:
                for done in [pool.submit(write, one) for one in files]:
                    done.result()
        else:
            for one in files:
                write(one)
        for partial, target in partials:
            os.replace(partial, target)
    except BaseException:
        for partial, _ in partials:
            Path(partial).unlink(missing_ok=True)
        raise
