"""Tar archives, also compressed: plain ones, and samples as img2dataset and webdataset write them.

Read once from front to back; nothing is unpacked to disk, nothing but images and texts is read.
"""

import bz2
import gzip
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from posixpath import dirname
from typing import BinaryIO, cast

from blip2core.errors import IntakeError
from blip2core.intake.entries import image
from blip2core.intake.files import (
    ARCHIVE_SUFFIXES,
    COMPRESSED,
    INTAKE_SUFFIXES,
    TABLE_SUFFIXES,
    NamedFile,
    within,
)
from blip2core.intake.limited_stream import LimitedStream
from blip2core.intake.limits import Limits
from blip2core.intake.names import base_name, inner_path, safe_name, suffix
from blip2core.intake.side_files import MAX_SIDE, SIDE_SUFFIXES, side_entry
from blip2core.records import Problem, WebImage

MAX_HEADER_BYTES = 4_000_000
"""Bytes that the headers before one member may take; long names make them grow."""
BLOCK = 512
"""Bytes of a header; tarfile reads so many at once, so that the last ones read say why it ended."""
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


@dataclass(slots=True)
class _Sample:
    """Members that stand together and share their name up to its first dot."""

    key: str
    images: list[tuple[str, bytes]] = field(default_factory=list)
    sides: dict[str, bytes] = field(default_factory=dict)


def read_tar(file: NamedFile, limits: Limits) -> Iterator[WebImage | Problem]:
    """Yield the images with the texts of their samples. Raises IntakeError where it is no tar
    archive.
    """
    sample = _Sample("")
    for found in _members(file, limits):
        if isinstance(found, Problem):
            yield found
            continue
        name, data = found
        key, end = _key(name)
        if key != sample.key:
            yield from _images(sample, limits)
            sample = _Sample(key)
        if suffix(name) in INTAKE_SUFFIXES:
            sample.images.append((name, data))
        else:
            sample.sides[end] = data
    yield from _images(sample, limits)


def _members(file: NamedFile, limits: Limits) -> Iterator[tuple[str, bytes] | Problem]:
    """Yield names and bytes of images and side files, in their order."""
    with ExitStack() as stack:
        stream = LimitedStream(_unpacked(stack.enter_context(file.open()), stack))
        stream.allow(MAX_HEADER_BYTES)
        left, last, names = limits.unpacked_bytes(file.size()), "", set[str]()
        try:
            # The stream is only read; the types of tarfile ask for more.
            source = cast(BinaryIO, stream)
            archive = stack.enter_context(tarfile.open(fileobj=source, mode="r|", bufsize=BLOCK))
            for member in archive:
                last, left = member.name, left - max(0, member.size)
                if left < 0:
                    raise IntakeError("The archive unpacks to far more than its size.")
                if len(names) >= limits.members:
                    raise IntakeError(f"Only the first {limits.members:,} members were looked at.")
                stream.allow(member.size + MAX_HEADER_BYTES)
                found = _member(archive, member, names, limits)
                if found is not None:
                    yield found
                archive.members.clear()  # type: ignore[attr-defined]  # else it remembers them all
            _check_end(stream)
        except DAMAGE as error:
            if not last:
                raise IntakeError(
                    f"{safe_name(file.name)} is no whole tar archive; pack or upload it again."
                ) from error
            yield Problem(
                name=file.name, reason=f"It breaks off after {safe_name(last)}.", about="source"
            )
        except IntakeError as error:
            yield Problem(name=file.name, reason=str(error), about="source")


def _check_end(stream: LimitedStream) -> None:
    """Raise IntakeError where tarfile stopped for another reason than the end of the archive, which
    is a block of zeros; at a header that it cannot read it ends in silence.
    """
    if not stream.latest:
        raise IntakeError("The archive has no end, so it may have been cut off; pack it again.")
    if any(stream.latest) or any(stream.read(1_000_000)):
        raise IntakeError("A header in the middle is damaged; what follows was not read.")


def _unpacked(file: BinaryIO, stack: ExitStack) -> BinaryIO:
    head = file.read(6)
    file.seek(0)
    for start, name in COMPRESSED.items():
        if head.startswith(start):
            return stack.enter_context(cast(BinaryIO, OPENERS[name](file, "rb")))
    return file


def _member(
    archive: tarfile.TarFile, member: tarfile.TarInfo, names: set[str], limits: Limits
) -> tuple[str, bytes] | Problem | None:
    """Return one member; None for folders and for what means nothing here."""
    if member.isdir():
        return None
    try:
        name = inner_path(member.name, depth=limits.depth)
        if name in names:
            raise IntakeError("A second member of this name; only the first was taken.")
        names.add(name)
        if not member.isreg() or member.issparse():
            raise IntakeError("The member is a link or a device, not a file.")
        limit = _limit(name, limits)
        if limit is None:
            return None
        if member.size > limit:
            raise IntakeError(f"The file has {member.size:,} bytes; at most {limit:,} are read.")
        opened = archive.extractfile(member)
        data = within(opened.read(limit + 1) if opened else b"", limit)
        if not data and suffix(name) in INTAKE_SUFFIXES:
            raise IntakeError("The file is empty.")
        return name, data
    except IntakeError as error:
        return Problem(name=member.name, reason=str(error))


def _limit(name: str, limits: Limits) -> int | None:
    """Return how large a member may be; None where it is not read at all."""
    ending = suffix(name)
    if ending in INTAKE_SUFFIXES:
        return limits.image_bytes
    if ending in ARCHIVE_SUFFIXES:
        raise IntakeError("An archive in an archive is not opened.")
    if ending in TABLE_SUFFIXES:
        raise IntakeError("A table in a tar archive is not read; give it beside the archive.")
    return MAX_SIDE if ending in SIDE_SUFFIXES and not base_name(name).startswith(".") else None


def _key(name: str) -> tuple[str, str]:
    """Return key and suffix of a member: a/b.seg.png -> a/b, .seg.png."""
    key, dot, end = base_name(name).partition(".")
    return f"{dirname(name)}/{key}", (dot + end).lower()


def _images(sample: _Sample, limits: Limits) -> Iterator[WebImage | Problem]:
    """Yield the images of a sample with its texts. Where one is called key.jpg, others such as
    key.seg.png are maps that belong to it and no images of their own.
    """
    plain = [(name, data) for name, data in sample.images if _key(name)[1] in INTAKE_SUFFIXES]
    for name, data in plain or sample.images:
        yield image(name, data, side_entry(name, sample.sides, limits))
