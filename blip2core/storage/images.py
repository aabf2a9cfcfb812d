"""Images under the hash of their bytes. Names that people gave them never become paths."""

import hashlib
import os
import re
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from blip2core.disk import sync_folder, sync_name
from blip2core.errors import StorageError, way_out
from blip2core.records import SUFFIX_OF_FORMAT

SHA256 = re.compile(r"[0-9a-f]{64}")
PARTIAL = ".partial"


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
        sha256 = hashlib.sha256(data).hexdigest()
        target = self.path(sha256, format=format)
        try:
            if self.has(sha256, format=format, bytes=len(data)) and target.read_bytes() == data:
                os.utime(target)  # young again, so that a sweep leaves it to the row to come
            else:
                target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                write_synced(target, data)
            sync_name(target)
        except OSError as error:
            said = error.strerror or str(error)
            help = way_out(error) or "; name a folder that can be written (BLIP2_DATA)"
            raise StorageError(
                f"The image cannot be stored in {self.root}: {said}{help}."
            ) from error
        return sha256

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


def write_synced(target: Path, data: bytes) -> None:
    """Write under another name, sync and rename: all of it, or nothing."""
    handle, partial = tempfile.mkstemp(dir=target.parent, suffix=PARTIAL)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, target)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise
