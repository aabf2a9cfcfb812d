"""Folders and loose files as archives of named files; nothing outside them is ever opened."""

import os
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from blip2core.errors import IntakeError
from blip2core.file_names import inner_path, safe_name, stem, suffix
from blip2core.formats.files import NamedFile, refused_file, text_table_kind
from blip2core.intake.limits import Limits
from blip2core.intake.links import files_below, reach_of
from blip2core.records import Problem

ANY = 1 << 50
"""No limit: the file is read as a stream."""
HEAD_BYTES = 64
"""First bytes of a file, which tell whether it is an image."""


class Archive(Protocol):
    """Files by name; names are in the form of `inner_path`."""

    def names(self) -> Iterator[str | Problem]:
        """Yield the names of the files, in order, and a Problem for each that is refused."""

    def head(self, name: str, count: int = HEAD_BYTES) -> bytes:
        """Return the first `count` bytes of a file, none where it cannot be read."""

    def has(self, name: str) -> bool:
        """Return whether there is a file of this name, which may still be refused."""

    def file(self, name: str, limit: int) -> NamedFile:
        """Return the file of this name.

        Raises IntakeError where there is none, or it is refused or larger than `limit` bytes.
        """


class FolderArchive:
    """A folder and all below it; hidden files are left out, links that lead outside refused."""

    def __init__(self, root: Path, limits: Limits) -> None:
        self._root, self._limits = root.resolve(), limits
        self._reach = reach_of(self._root)

    def names(self) -> Iterator[str | Problem]:
        for count, found in enumerate(files_below(self._reach)):
            if count == self._limits.members:
                yield Problem(
                    name=safe_name(self._root.name),
                    reason=f"Only the first {count:,} files were looked at; split it.",
                    about="source",
                )
                return
            if isinstance(found, str) and found.count("/") > self._limits.depth:
                yield refused_file(found, "The file lies too deep; move it further up.")
            else:
                yield found

    def head(self, name: str, count: int = HEAD_BYTES) -> bytes:
        return _head(self, name, count)

    def has(self, name: str) -> bool:
        return os.path.isfile(self._root / name)  # pathlib's own raises where a name is too long

    def real_name(self, name: str) -> str:
        """Return the name of the file that a name leads to by links, where it lies in the folder;
        else the same name.
        """
        try:
            real = self._reach.resolve(self._root / name)
        except IntakeError:
            return name
        return real.relative_to(self._root).as_posix() if real.is_relative_to(self._root) else name

    def file(self, name: str, limit: int) -> NamedFile:
        real = self._reach.resolve(self._root / name)
        if not real.is_file():
            raise IntakeError("This is no ordinary file.")
        try:
            size = real.stat().st_size
        except OSError as error:
            raise IntakeError(f"The file cannot be read: {error.strerror}.") from error
        if size > limit:
            raise IntakeError(f"The file has {size:,} bytes; at most {limit:,} are read.")
        return NamedFile(name, real)


class LooseFiles:
    """Files that somebody picked one by one, by the names they gave them."""

    def __init__(self, files: Iterable[NamedFile]) -> None:
        self._files: dict[str, NamedFile] = {}
        self._refused: list[Problem] = []
        for file in files:
            try:
                name = inner_path(file.name)
            except IntakeError as error:
                self._refused.append(refused_file(file.name, str(error)))
                continue
            if name in self._files:
                reason = "There are two files of this name; the first was taken."
                self._refused.append(refused_file(file.name, reason))
            self._files.setdefault(name, file)

    def names(self) -> Iterator[str | Problem]:
        yield from self._refused
        yield from self._files

    def head(self, name: str, count: int = HEAD_BYTES) -> bytes:
        return _head(self, name, count)

    def has(self, name: str) -> bool:
        return name in self._files

    def file(self, name: str, limit: int) -> NamedFile:
        if name not in self._files:
            raise IntakeError("There is no such file beside the table.")
        found = self._files[name]
        if found.size() > limit:
            raise IntakeError(f"The file is too large; at most {limit:,} bytes are read.")
        return found


class GivenFiles:
    """Loose files, and the files of folders and archives under the names of these."""

    def __init__(self, loose: LooseFiles, archives: Mapping[str, Archive]) -> None:
        self._loose, self._archives = loose, archives

    def names(self) -> Iterator[str | Problem]:
        yield from self._loose.names()
        for label, archive in self._archives.items():
            for name in archive.names():
                yield f"{label}/{name}" if isinstance(name, str) else name

    def head(self, name: str, count: int = HEAD_BYTES) -> bytes:
        archive, inner = self._inside(name)
        return archive.head(inner, count)

    def has(self, name: str) -> bool:
        archive, inner = self._inside(name)
        return archive.has(inner)

    def file(self, name: str, limit: int) -> NamedFile:
        archive, inner = self._inside(name)
        return replace(archive.file(inner, limit), name=name)

    def _inside(self, name: str) -> tuple[Archive, str]:
        label, slash, inner = name.partition("/")
        if self._loose.has(name) or not slash or label not in self._archives:
            return self._loose, name
        return self._archives[label], inner


def _head(archive: Archive, name: str, count: int) -> bytes:
    try:
        return archive.file(name, ANY).start(count)
    except IntakeError:
        return b""


def is_text_table(archive: Archive, name: str, beside: Container[str]) -> bool:
    """Return whether a .txt is a table, as Flickr8k's captions are; none of them is that of an
    image, whose names without their endings are `beside`.
    """
    if suffix(name) != ".txt" or stem(name) in beside:
        return False
    return text_table_kind(archive.head(name)) is not None
