"""The folder of an export while it is written: each file hashed and synced, complete at once."""

import hashlib
import os
import shutil
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO

from blip2core.disk import sync_folder, sync_name
from blip2core.errors import ExportError, way_out
from blip2core.formats.text_embedding import with_texts
from blip2core.records import SUFFIX_OF_FORMAT, ExportPair

SUMS = "SHA256SUMS"
"""Every file but itself and the manifest, in the order of writing; `sha256sum -c` reads it."""
MANIFEST_NAME = "manifest.json"


class Output:
    """A new folder with the files of one export."""

    def __init__(self, folder: Path, sums: TextIO) -> None:
        self._folder, self._sums = folder, sums
        self.files = 0
        """Files in SHA256SUMS so far."""
        self.left_out: Counter[str] = Counter()
        """Pairs that the format cannot hold, by reason."""
        self.notes: list[str] = []
        """What the card says of these files besides the counts, one sentence each."""

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """Open a new file, named relative to the folder; it is on disk once the block ends."""
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            yield file
            _sync(file)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        self.files += 1
        self._sums.write(f"{digest}  {name}\n")

    @contextmanager
    def scratch(self) -> Iterator[BinaryIO]:
        """Open a temporary file without a name, which is gone after the block and after a crash."""
        with tempfile.TemporaryFile(dir=self._folder) as file:
            yield file

    def read_image(self, pair: ExportPair) -> bytes:
        """Return the image of a pair as it is written.

        Raises ExportError where it is gone or not what it was.
        """
        return read_image(pair)

    def add_image(self, pair: ExportPair, under: str, *, flat: bool = False) -> str:
        """Copy the image of a pair below `under`, once; returns its name from `under` on.

        Named by the hash of the stored image, and spread over 256 folders unless `flat`.
        """
        name = f"{pair.image_sha256}.{SUFFIX_OF_FORMAT[pair.format]}"
        name = name if flat else f"{pair.image_sha256[:2]}/{name}"
        if not (self._folder / under / name).exists():
            data = self.read_image(pair)
            with self.open(f"{under}/{name}") as file:
                file.write(data)
        return name

    def close_sums(self) -> str:
        """End SHA256SUMS; returns its own SHA-256."""
        _sync(self._sums)
        self._sums.close()
        with (self._folder / SUMS).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def write_manifest(self, data: bytes) -> None:
        """Write the manifest, the last file: where it exists, all others are complete."""
        with (self._folder / MANIFEST_NAME).open("xb") as file:
            file.write(data)
            _sync(file)


def refuse_taken(out: Path) -> None:
    """Raise ExportError where `out` exists: an export never adds to what it finds."""
    if out.exists():
        raise ExportError(f"{out} exists already: name a new folder for the export.")


@contextmanager
def new_folder(out: Path) -> Iterator[Output]:
    """Make a folder that is called `NAME.partial` until the block ends without error, and then
    `out`.

    What a crashed export left in `NAME.partial` is replaced. ExportError where `out` is taken or
    cannot be written.
    """
    partial = out.with_name(f"{out.name}.partial")
    refuse_taken(out)
    try:
        _make_empty(partial)
        with (partial / SUMS).open("x", encoding="utf-8") as sums:
            yield Output(partial, sums)
        for parent, _, _ in os.walk(partial):
            sync_folder(Path(parent))
        partial.rename(out)
        sync_name(out)
    except OSError as error:
        said = f"{error.strerror or error}{way_out(error)}"
        raise ExportError(f"{out} cannot be written: {said}.") from error


def zip_folder(folder: Path) -> Path:
    """Write an export as one file beside it, which is on disk when it gets its name -> the file.

    Raises ExportError where it cannot be written; the folder stays as it is.
    """
    target, unfinished = folder.with_suffix(".zip"), folder.with_suffix(".zip.partial")
    try:
        with unfinished.open("wb") as file:
            with zipfile.ZipFile(file, "w") as archive:  # of what is compressed already: stored
                for one in sorted(folder.rglob("*")):
                    archive.write(one, one.relative_to(folder.parent))
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(target)
        sync_name(target)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        said = f"{error.strerror or error}{way_out(error)}"
        raise ExportError(
            f"The export is in {folder}, but not as a file to download: {said}."
        ) from error
    return target


def read_image(pair: ExportPair) -> bytes:
    """Return the stored bytes of an image, with the texts that are written into its copy.

    Raises ExportError where they are gone, not what they were, or cannot hold texts.
    """
    try:
        data = Path(pair.image_path).read_bytes()
    except OSError as error:
        raise ExportError(
            f"The image of item {pair.item_id} is no longer stored: bring it back with `blip2 db "
            "restore BACKUP --images`; if it was taken down, make a new snapshot and export that."
        ) from error
    if hashlib.sha256(data).hexdigest() != pair.image_sha256:
        raise ExportError(
            f"The stored image of item {pair.item_id} is damaged: its bytes do not have the "
            f"hash {pair.image_sha256[:12]}. Bring it back with `blip2 db restore BACKUP "
            "--images`, or import it again."
        )
    try:
        return with_texts(data, pair.embedded) if pair.embedded else data
    except ValueError as error:
        raise ExportError(
            f"No text can be written into the image of item {pair.item_id}, {error}: export "
            "without embedded texts."
        ) from error


def _make_empty(partial: Path) -> None:
    if partial.exists():
        if any(partial.iterdir()) and not (partial / SUMS).is_file():
            raise ExportError(f"{partial} is in the way and is no export: move it elsewhere.")
        shutil.rmtree(partial)
    partial.mkdir(parents=True)


def _sync(file: BinaryIO | TextIO) -> None:
    file.flush()
    os.fsync(file.fileno())
