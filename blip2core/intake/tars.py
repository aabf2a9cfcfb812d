"""Tar archives, also compressed: members by name, in any order; nothing is unpacked to disk.

The headers are read once from front to back. An archive that is not compressed is then read where
its members lie. A compressed one can only be read forwards, so its texts and tables are kept in
memory on the first way through, and its images are read on a second.
"""

import bz2
import gzip
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import BinaryIO, cast

from blip2core.errors import IntakeError
from blip2core.file_names import base_name, inner_path, safe_name, suffix
from blip2core.formats.files import (
    ARCHIVE_SUFFIXES,
    COMPRESSED,
    INTAKE_SUFFIXES,
    TABLE_SUFFIXES,
    NamedFile,
    refused_file,
    within,
)
from blip2core.intake.archives import HEAD_BYTES
from blip2core.intake.limited_stream import LimitedStream
from blip2core.intake.limits import Limits
from blip2core.intake.side_files import MAX_SIDE, SIDE_SUFFIXES
from blip2core.records import Problem

MAX_HEADER_BYTES = 4_000_000
"""Bytes that the headers before one member may take; long names make them grow."""
BACKWARD_STEPS = 8
"""How often a compressed archive is read again from its start; one in order needs it once."""
REST = 1_000_000
"""Bytes after the end that are looked at, to tell an end from damage."""
DAMAGE = (
    tarfile.TarError,
    OSError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    ValueError,
    RecursionError,  # tarfile follows a chain of headers with long names by calling itself
)
OPENERS: dict[str, Callable[..., object]] = {"gzip": gzip.open, "bzip2": bz2.open, "xz": lzma.open}


class TarArchive:
    """The members of a tar archive; use it as a context manager, and read `names` to the end first.

    Raises IntakeError in `names` where it is no tar archive.
    """

    def __init__(self, file: NamedFile, limits: Limits) -> None:
        self._file, self._limits, self._stack = file, limits, ExitStack()
        self._compressed = False
        self._stream = LimitedStream(self._unpacked(self._stack.enter_context(file.open())))
        self._places: dict[str, tuple[int, int]] = {}
        """Where the bytes of a member begin in the unpacked archive, and how many they are."""
        self._kept: dict[str, bytes] = {}
        """Texts and tables of a compressed archive, and the first bytes of what else it holds."""
        self._room = limits.table_bytes
        self._count = self._steps_back = 0

    def __enter__(self) -> "TarArchive":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def names(self) -> Iterator[str | Problem]:
        """Yield the names in their order. A member is named once all of it has gone by."""
        last: tarfile.TarInfo | None = None
        found: str | Problem | None = None
        try:
            for member in self._members():
                if found is not None:
                    yield found
                last, found = member, None
                found = self._named(member)
            if found is not None:
                yield found
            found = None
            self._check_end()
        except (*DAMAGE, IntakeError) as error:
            if last is None and not isinstance(error, IntakeError):
                raise IntakeError(
                    f"{safe_name(self._file.name)} is no whole tar archive; pack or upload it "
                    "again."
                ) from error
            if isinstance(found, Problem) or (found is not None and self._is_whole(found)):
                yield found
            is_told = isinstance(error, IntakeError)
            after = safe_name(last.name) if last is not None else ""
            reason = str(error) if is_told else f"It breaks off after {after}."
            yield Problem(name=self._file.name, reason=reason, about="source")

    def has(self, name: str) -> bool:
        return name in self._places

    def head(self, name: str, count: int = HEAD_BYTES) -> bytes:
        """Return the first bytes of a member, none where it cannot be read."""
        kept = self._kept.get(name, b"")
        if len(kept) >= count or (name in self._kept and len(kept) == self._places[name][1]):
            return kept[:count]
        try:
            return self._read(*self._places[name], most=count)
        except (*DAMAGE, IntakeError):
            return b""

    def file(self, name: str, limit: int) -> NamedFile:
        if name not in self._places:
            raise IntakeError("There is no such member in the archive.")
        place, size = self._places[name]
        if size > limit:
            raise IntakeError(f"The file has {size:,} bytes; at most {limit:,} are read.")
        if len(self._kept.get(name, b"")) == size:
            return NamedFile(name, self._kept.get(name, b""))
        try:
            data = self._read(place, size, most=size)
        except DAMAGE as error:
            raise IntakeError("The member is damaged; pack the archive again.") from error
        if len(data) < size:
            raise IntakeError("The member is damaged; pack the archive again.")
        return NamedFile(name, within(data, limit))

    def _unpacked(self, file: BinaryIO) -> BinaryIO:
        head = file.read(6)
        file.seek(0)
        for start, name in COMPRESSED.items():
            if head.startswith(start):
                self._compressed = True
                return self._stack.enter_context(cast(BinaryIO, OPENERS[name](file, "rb")))
        return file

    def _members(self) -> Iterator[tarfile.TarInfo]:
        """Yield the headers; what lies between them is passed over."""
        left = self._limits.unpacked_bytes(self._file.size())
        self._stream.allow(MAX_HEADER_BYTES)
        # The stream is only read; the types of tarfile ask for more.
        source = cast(BinaryIO, self._stream)
        with tarfile.open(fileobj=source, mode="r:") as archive:
            while (member := archive.next()) is not None:
                archive.members.clear()  # type: ignore[attr-defined]  # else it remembers them all
                if member.size < 0 or archive.offset <= member.offset:
                    raise tarfile.ReadError("a size below zero leads backwards")
                left -= member.size
                if left < 0:
                    raise IntakeError("The archive unpacks to far more than its size.")
                yield member
                self._stream.allow(MAX_HEADER_BYTES)

    def _named(self, member: tarfile.TarInfo) -> str | Problem | None:
        """Return the name of a member; None for folders and hidden files."""
        if member.isdir():
            return None
        self._count += 1
        if self._count > self._limits.members:
            raise IntakeError(f"Only the first {self._limits.members:,} members were looked at.")
        try:
            name = inner_path(member.name, depth=self._limits.depth)
            if name in self._places:
                raise IntakeError("A second member of this name; only the first was taken.")
            if not member.isreg() or member.issparse():
                raise IntakeError("The member is a link or a device, not a file.")
            if _is_hidden(name):
                return None
            self._places[name] = member.offset_data, member.size
            self._keep(name, member.size)
        except IntakeError as error:
            return refused_file(member.name, str(error))
        return name

    def _keep(self, name: str, size: int) -> None:
        """Read what is needed of a member while a compressed archive goes by, but no image."""
        ending = suffix(name)
        if not self._compressed or ending in INTAKE_SUFFIXES or ending in ARCHIVE_SUFFIXES:
            return
        limit = MAX_SIDE if ending in SIDE_SUFFIXES else 0
        limit = self._limits.table_bytes if ending in TABLE_SUFFIXES else limit
        wanted = size if size <= limit else min(size, HEAD_BYTES)
        if wanted > self._room:
            del self._places[name]
            raise IntakeError(
                f"The texts of a compressed archive may take {self._limits.table_bytes:,} bytes in "
                "all; pack it as a .tar without compression."
            )
        self._room -= wanted
        self._kept[name] = self._read(*self._places[name], most=wanted)

    def _read(self, place: int, size: int, *, most: int) -> bytes:
        """Return the first `most` bytes of a member."""
        if self._compressed and place < self._stream.tell():
            self._steps_back += 1
            if self._steps_back > BACKWARD_STEPS:
                raise IntakeError(
                    "A compressed archive is not read again and again; pack it as a .tar without "
                    "compression."
                )
        self._stream.seek(place)
        self._stream.allow(most)
        return self._stream.read(min(size, most))

    def _is_whole(self, name: str) -> bool:
        """Return whether the archive reaches to the end of the last member that was named."""
        place, size = self._places[name]
        try:
            return not size or len(self._read(place + size - 1, 1, most=1)) == 1
        except (*DAMAGE, IntakeError):
            return False

    def _check_end(self) -> None:
        """Raise IntakeError where tarfile stopped for another reason than the end of the archive,
        which is a block of zeros; at a header that it cannot read it ends in silence.
        """
        if not self._stream.latest:
            raise IntakeError("The archive has no end, so it may have been cut off; pack it again.")
        if any(self._stream.latest) or any(self._stream.read(REST)):
            raise IntakeError("A header in the middle is damaged; what follows was not read.")


def _is_hidden(name: str) -> bool:
    """Return whether a member is hidden, or one that macOS packs beside the files."""
    base = base_name(name)
    is_image = suffix(name) in INTAKE_SUFFIXES and not base.startswith("._")
    return (base.startswith(".") and not is_image) or name.startswith("__MACOSX/")
