"""A file to import: its name, where its bytes are, and its kind by its first bytes."""

import io
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal

from blip2core.errors import IntakeError
from blip2core.file_names import safe_name, suffix
from blip2core.image_files import media_format
from blip2core.images import IMAGE_SUFFIXES
from blip2core.records import Problem

FileKind = Literal[
    "image", "zip", "tar", "parquet", "arrow", "jsonl", "csv", "flickr", "json", "other"
]

INTAKE_SUFFIXES = IMAGE_SUFFIXES | {".jfif", ".jpe", ".ico"}
TEXT_TABLES: dict[str, FileKind] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".token": "flickr",
}
"""Suffix of a table that is a text -> its kind, which no first bytes tell."""
TABLE_KINDS: frozenset[FileKind] = frozenset({*TEXT_TABLES.values(), "parquet", "arrow"})
ARROW_SUFFIXES = frozenset({".arrow", ".feather", ".ipc"})
TABLE_SUFFIXES = frozenset({*TEXT_TABLES, ".parquet", *ARROW_SUFFIXES})
ARCHIVE_SUFFIXES = frozenset(
    {".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".tbz", ".txz", ".7z", ".rar"}
)
IMAGE_NAMES = frozenset({"image", "image_name", "file_name", "filename"})
TEXT_NAMES = frozenset({"caption", "captions", "text", "comment"})
"""Columns that a .txt has to have so that it is a table."""
FLICKR_LINE = re.compile(r"(?P<name>[^\t\n]+\.\w+)#(?P<number>\d+)\t(?P<caption>.*)")
"""A line of Flickr's token files."""
IMAGE_STARTS = (
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"GIF87a",
    b"GIF89a",
    b"BM",
    b"II*\0",
    b"MM\0*",
)
ARROW_FILE, ARROW_STREAM = b"ARROW1\0\0", b"\xff\xff\xff\xff"
"""First bytes of an Arrow IPC file and of a stream."""
COMPRESSED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz"}
"""First bytes of a compressed tar -> how it is compressed."""


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file under the name that a person gave it, which may differ from where it lies now."""

    name: str
    content: Path | bytes = field(repr=False)

    def open(self) -> BinaryIO:
        """Open the file for reading. Raises IntakeError where it cannot be read."""
        if isinstance(self.content, bytes):
            return io.BytesIO(self.content)
        try:
            return self.content.open("rb")
        except (OSError, ValueError) as error:
            raise self._unreadable(error) from error

    def size(self) -> int:
        with self.open() as file:
            return file.seek(0, io.SEEK_END)

    def read(self, limit: int, *, may_be_empty: bool = False) -> bytes:
        """Return all bytes. Raises IntakeError where there are none, or more than `limit`."""
        data = self.start(limit + 1)
        if not data and not may_be_empty:
            raise IntakeError("The file is empty.")
        return within(data, limit)

    def start(self, count: int) -> bytes:
        """Return the first bytes. Raises IntakeError where the system opens the file, but does not
        read it.
        """
        with self.open() as file:
            try:
                return file.read(count)
            except OSError as error:
                raise self._unreadable(error) from error

    def _unreadable(self, error: OSError | ValueError) -> IntakeError:
        reason = getattr(error, "strerror", None) or "its name cannot be used"
        return IntakeError(f"{safe_name(self.name)} cannot be read: {reason}.")


def refused_file(name: str, reason: str) -> Problem:
    """Return that a file is refused unread; by its name it is an image, or may hold several."""
    about: Literal["image", "source"] = "image" if suffix(name) in INTAKE_SUFFIXES else "source"
    return Problem(name=name, reason=reason, about=about)


def within(data: bytes, limit: int) -> bytes:
    """Return `data`, which was read with one byte more than `limit` allows.

    Raises IntakeError where it is larger than `limit`.
    """
    if len(data) > limit:
        raise IntakeError(f"The file is larger than {_megabytes(limit)}; make it smaller.")
    return data


def kind_of(file: NamedFile) -> FileKind:
    """Return the kind of a file by its first bytes; text files are told apart by their suffix."""
    head = file.start(512)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if head.startswith(tuple(COMPRESSED)) or head[257:262] == b"ustar":
        return "tar"
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith((ARROW_FILE, ARROW_STREAM)):
        return "arrow"
    if looks_like_image(head):
        return "image"
    ending = suffix(file.name)
    if ending == ".txt":
        return text_table_kind(head) or "other"
    if ending in TEXT_TABLES:
        return TEXT_TABLES[ending]
    if ending in {".zip", ".tar", ".parquet"}:  # damaged: its own reader says how
        return ending[1:]  # type: ignore[return-value]
    if ending in ARROW_SUFFIXES:
        return "arrow"
    if ending == ".json":
        return "json"
    return "image" if ending in INTAKE_SUFFIXES else "other"


def text_table_kind(head: bytes) -> FileKind | None:
    """Return which table a .txt is by its first line, as the captions of Flickr8k are in one; None
    where it is no table.
    """
    first = head.decode("utf-8-sig", "ignore").partition("\n")[0]
    if FLICKR_LINE.match(first):
        return "flickr"
    names = [name.strip(' "\r').lower() for name in re.split(r"[,;\t|]", first)]
    has_image = not IMAGE_NAMES.isdisjoint(names)
    return "csv" if has_image and not TEXT_NAMES.isdisjoint(names) else None


def looks_like_image(head: bytes) -> bool:
    """Return whether a file begins as an image of a format that is taken."""
    webp = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    return webp or head.startswith(IMAGE_STARTS) or media_format(head) is not None


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.0f} MB" if count >= 1_000_000 else f"{count:,} bytes"
