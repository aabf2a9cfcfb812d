"""Zip archives: members are read one by one into memory; nothing is unpacked to disk."""

import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from blip2core.errors import IntakeError
from blip2core.file_names import inner_path, safe_name
from blip2core.formats.files import NamedFile, refused_file, within
from blip2core.intake.archives import HEAD_BYTES
from blip2core.intake.limits import Limits
from blip2core.records import Problem

END_RECORD = struct.Struct("<4s4H2LH")
"""The record at the end of a zip: signature, disks, counts, size and place of the list, comment."""
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    ValueError,
)
BYTES_OF_MEMBER = 300
"""What one member may take in the list of members, on average."""


class ZipArchive:
    """The members of a zip archive; use it as a context manager.

    IntakeError where it is not one, or lists far too many members.
    """

    def __init__(self, file: NamedFile, limits: Limits) -> None:
        self._limits = limits
        self._opened = file.open()
        try:
            _check_list(self._opened, limits)
            self._archive = zipfile.ZipFile(self._opened)
        except (*DAMAGE, NotImplementedError) as error:
            self._opened.close()
            raise IntakeError(
                f"{safe_name(file.name)} is not a whole zip archive; pack or upload it again."
            ) from error
        except IntakeError:
            self._opened.close()
            raise
        self._left = limits.unpacked_bytes(file.size())
        self._members: dict[str, zipfile.ZipInfo] = {}

    def __enter__(self) -> "ZipArchive":
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()
        self._opened.close()

    def names(self) -> Iterator[str | Problem]:
        for count, member in enumerate(self._archive.infolist(), start=1):
            if count > self._limits.members:
                reason = f"Only the first {count - 1:,} members were looked at; split the archive."
                yield Problem(name=safe_name(member.filename), reason=reason, about="source")
                return
            # Not `is_dir`, which fails at an empty name.
            if member.filename.endswith("/") or member.filename.startswith("__MACOSX/"):
                continue
            try:
                name = inner_path(member.filename, depth=self._limits.depth)
                _check_member(member, name in self._members)
            except IntakeError as error:
                yield refused_file(member.filename, str(error))
                continue
            self._members[name] = member
            yield name

    def head(self, name: str, count: int = HEAD_BYTES) -> bytes:
        try:
            with self._archive.open(self._members[name]) as stream:
                return stream.read(count)
        except (*DAMAGE, NotImplementedError, RuntimeError):
            return b""

    def has(self, name: str) -> bool:
        return name in self._members

    def file(self, name: str, limit: int) -> NamedFile:
        if name not in self._members:
            raise IntakeError("There is no such member in the archive.")
        if not self._members[name].file_size:
            return NamedFile(name, b"")  # a hundred thousand of these cost nothing
        try:
            with self._archive.open(self._members[name]) as stream:
                data = stream.read(min(limit, self._left) + 1)
        except DAMAGE as error:
            raise IntakeError("The member is damaged; pack the archive again.") from error
        except (NotImplementedError, RuntimeError) as error:
            raise IntakeError("The member is packed in a way that is not read; use Deflate.") from (
                error
            )
        if len(data) > self._left:
            self._left = 0
            raise IntakeError("The archive unpacks to far more than its size; it is not read on.")
        self._left -= len(data)
        return NamedFile(name, within(data, limit))


def _check_list(file: BinaryIO, limits: Limits) -> None:
    """Refuse a list of members so long that reading it alone would fill the memory."""
    size = file.seek(0, 2)
    file.seek(max(0, size - 65_536 - END_RECORD.size))
    tail = file.read()
    file.seek(0)
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or len(tail) - place < END_RECORD.size:
        return  # zipfile says what is wrong
    length = END_RECORD.unpack_from(tail, place)[5]
    if length == 0xFFFFFFFF:
        record = tail.rfind(b"PK\x06\x06")
        length = struct.unpack_from("<Q", tail, record + 40)[0] if record >= 0 else size
    if length > limits.members * BYTES_OF_MEMBER:
        raise IntakeError(f"The archive lists far more than {limits.members:,} members; split it.")


def _check_member(member: zipfile.ZipInfo, is_repeated: bool) -> None:
    mode = member.external_attr >> 16
    if is_repeated:
        raise IntakeError("A second member of this name; only the first was taken.")
    if stat.S_ISLNK(mode) or (stat.S_IFMT(mode) and not stat.S_ISREG(mode)):
        raise IntakeError("The member is a link or a device, not a file.")
    if member.flag_bits & 0x1:
        raise IntakeError("The member is encrypted; pack it without a password.")
