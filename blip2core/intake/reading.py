"""How much of its sources an import has read, and which of their archives it need not read again.

reading = Reading(finished=keys)                  # of an earlier try, from the database
for one in reading.followed(read(folder, reading=reading)):
...                                           # an image, or where an archive begins or ends
"""

import hashlib
import json
import os
import time
from collections.abc import Callable, Container, Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from blip2core.errors import IntakeError
from blip2core.file_names import suffix
from blip2core.formats.files import ARCHIVE_SUFFIXES, ARROW_SUFFIXES, TEXT_TABLES, NamedFile
from blip2core.texts import count_of

SAMPLE = 65_536
"""Bytes at the start and at the end of an archive that are part of its key."""
CARRIERS = ARROW_SUFFIXES | {".parquet"}
"""Endings of tables that may carry images."""
PATHS_ONLY = frozenset(TEXT_TABLES) | {".json", ".txt"}
"""Endings of files that only name images, which lie elsewhere."""
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveMark:
    """A place between two things that are read: there an archive begins or ends."""

    what: Literal["begin", "end", "left", "skipped"]
    """left: not to its end, or not alone; skipped: it was finished before and was not read."""
    name: str
    """Hostile text."""
    key: str = ""
    """SHA-256 of what decides what is read of it, 64 hex digits; empty where it was left."""


@dataclass(slots=True, kw_only=True)
class Reading:
    """What is read by one call of `read`, and how far it is. Grows while that is iterated."""

    finished: Container[str] = ()
    """Keys of archives that are not read again."""
    total_bytes: int = 0
    """Size of all sources; 0 where it is not known, as of images that only a table names."""
    bytes: int = 0
    """Of these, what has been read or passed over; inside an archive about right."""
    skipped_bytes: int = 0
    """Of these, those of archives that were not read again."""
    archives: int = 0
    archive: int = 0
    """Number of the archive under way, from 1."""
    images: int = 0
    left: Callable[[], Iterator[Any]] | None = None
    """Yields what is told at the end of an archive, of all its images together."""
    seconds: float = 0.0
    """Since the reading began."""
    _settings: str = ""
    _needs_all: bool = False
    """A table names images by name: they may lie in any archive, so that each is read."""
    _inside: bool = False
    _began: float = field(default_factory=time.monotonic)
    _marks: list[ArchiveMark] = field(default_factory=list)

    def begin(self, sources: Sequence[NamedFile | str | Path], settings: object, most: int) -> None:
        """Note the sources and how they are read; at most so many files of a folder are counted."""
        self._settings = repr(settings)
        sizes = [_size_of(one, most) for one in sources]
        self.total_bytes = sum(size for size, _ in sizes) if all(size for size, _ in sizes) else 0
        self.archives = sum(archives for _, archives in sizes)

    def look_at(self, rows: Sized) -> None:
        """Note whether there are rows of tables that name images by name."""
        self._needs_all = self._needs_all or len(rows) > 0

    def unit(
        self, file: NamedFile, rows: Sized, found: Callable[[], Iterator[Found]]
    ) -> Iterator[Found]:
        """Yield what is found in an archive, unless it was finished before; note where it begins
        and ends. `rows` are those of tables that name images by name: an archive is finished alone
        only where there are none, before it and after it.
        """
        self.look_at(rows)
        try:
            key = "" if self._needs_all else archive_key(file, self._settings)
            after = self.bytes + file.size()
        except (IntakeError, OSError):  # what is wrong with it is told where it is read
            key, after = "", self.bytes
        if self._inside:  # an archive in an archive is a part of it
            yield from found()
            return
        self.archive += 1
        if key and key in self.finished:
            self._marks.append(ArchiveMark(what="skipped", name=file.name, key=key))
            self.skipped_bytes += after - self.bytes
            self.bytes = after
            return
        self._inside = True
        self._marks.append(ArchiveMark(what="begin", name=file.name))
        is_whole = False
        try:
            yield from found()
            yield from self.left() if self.left is not None else ()
            self.look_at(rows)
            is_whole = not self._needs_all
        finally:
            self._inside = False
            mark = ArchiveMark(what="end", name=file.name, key=key) if is_whole else None
            self._marks.append(mark or ArchiveMark(what="left", name=file.name))
            self.bytes = after

    def count(self, size: int) -> None:
        """Count an image of so many bytes."""
        self.images += 1
        self.bytes += size

    def followed(self, found: Iterable[Found]) -> Iterator[Found | ArchiveMark]:
        """Yield what is read, and the marks of archives in between."""
        for one in found:
            yield from self._taken()
            yield one
        yield from self._taken()

    def _taken(self) -> list[ArchiveMark]:
        taken, self._marks = self._marks, []
        return taken

    def as_json(self) -> dict[str, Any]:
        """Return how far it is, for the record of a run."""
        self.seconds = round(time.monotonic() - self._began, 1)
        names = (
            *("total_bytes", "bytes", "skipped_bytes", "archives", "archive", "images"),
            "seconds",
        )
        return {name: getattr(self, name) for name in names}

    @property
    def share(self) -> float:
        """Return how much of the sources has been read, in [0, 1]; 0 where nobody knows."""
        return min(self.bytes / self.total_bytes, 1.0) if self.total_bytes else 0.0

    def sentence(self) -> str:
        """Return how far it is in words: bytes, archives, images, and the time that is left."""
        parts = []
        if self.total_bytes:
            done = min(self.bytes, self.total_bytes)
            parts.append(f"{in_bytes(done)} of {in_bytes(self.total_bytes)}")
        if self.archives > 1:
            parts.append(f"archive {min(self.archive, self.archives)} of {self.archives}")
        parts.append(count_of(self.images, "image"))
        if left := self._seconds_left():
            parts.append(f"about {in_time(left)} left")
        return ", ".join(parts)

    def _seconds_left(self) -> float:
        read = min(self.bytes, self.total_bytes) - self.skipped_bytes
        if read <= 0 or self.seconds < 2:
            return 0.0
        return self.seconds / read * (self.total_bytes - self.skipped_bytes - read)


def reading_of(stored: dict[str, Any]) -> Reading:
    """Return the reading that `as_json` returned."""
    return Reading(**stored)


def in_unit(
    reading: Reading | None, file: NamedFile, rows: Sized, found: Callable[[], Iterator[Found]]
) -> Iterator[Found]:
    """Yield what is found in an archive, as a unit of the reading where there is one."""
    return found() if reading is None else reading.unit(file, rows, found)


def archive_key(file: NamedFile, settings: str) -> str:
    """Return what decides what is read of an archive: its name, its size, its first and last bytes
    and when it was changed, and how it is read.
    """
    with file.open() as opened:
        head = opened.read(SAMPLE)
        size = opened.seek(0, os.SEEK_END)
        opened.seek(max(0, size - SAMPLE))
        tail = opened.read(SAMPLE)
    changed = os.stat(file.content).st_mtime_ns if isinstance(file.content, Path) else 0
    if isinstance(file.content, bytes):
        head = file.content
    digest = hashlib.sha256(json.dumps([file.name, size, changed, settings]).encode())
    digest.update(hashlib.sha256(head).digest() + hashlib.sha256(tail).digest())
    return digest.hexdigest()


def in_bytes(count: int) -> str:
    """Return a size as people say it: 3.1 GB, 412 MB, 9 kB."""
    for unit, name in ((1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")):
        if count >= unit:
            return (
                f"{count / unit:.1f} {name}" if count < 10 * unit else f"{count // unit:,} {name}"
            )
    return count_of(count, "byte")


def in_time(seconds: float) -> str:
    """Return a duration as people say it, in its largest unit."""
    for unit, name in ((3_600, "hour"), (60, "minute")):
        if seconds >= 1.5 * unit:
            return count_of(round(seconds / unit), name)
    return count_of(max(1, round(seconds)), "second")


def _size_of(source: NamedFile | str | Path, most: int) -> tuple[int, int]:
    """Return bytes and archives of a source; no bytes where they say nothing of its images."""
    if isinstance(source, NamedFile):
        path, name = source.content, source.name
    else:
        path, name = Path(source).expanduser(), str(source)
    try:
        if isinstance(path, Path) and path.is_dir():
            return _size_of_folder(path, most)
        size = len(path) if isinstance(path, bytes) else path.stat().st_size
    except (OSError, ValueError):  # the reader says what is wrong with it
        return 0, 0
    return (0 if suffix(name) in PATHS_ONLY else size), int(_is_archive(name))


def _size_of_folder(folder: Path, most: int) -> tuple[int, int]:
    total = archives = 0
    for above, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.stat(os.path.join(above, name)).st_size
            except OSError:
                continue
            archives += _is_archive(name)
        most -= len(names)
        if most < 0:
            break
    return total, archives


def _is_archive(name: str) -> bool:
    return suffix(name) in ARCHIVE_SUFFIXES or suffix(name) in CARRIERS
