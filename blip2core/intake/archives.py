"""Folders and loose files as archives of named files; nothing outside them is ever opened."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from blip2core.errors import IntakeError
from blip2core.intake.files import NamedFile
from blip2core.intake.limits import Limits
from blip2core.intake.names import inner_path, safe_name
from blip2core.records import Problem


class Archive(Protocol):
    """Files by name; names are in the form of `inner_path`."""

    def names(self) -> Iterator[str | Problem]:
        """Yield the names of the files, in order, and a Problem for each that is refused."""

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

    def names(self) -> Iterator[str | Problem]:
        count = 0
        for folder, folders, files in os.walk(self._root):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(files):
                if name.startswith("."):
                    continue
                count += 1
                if count > self._limits.members:
                    yield Problem(
                        name=safe_name(self._root.name),
                        reason=f"Only the first {count - 1:,} files were looked at; split it.",
                    )
                    return
                path = Path(folder, name).relative_to(self._root).as_posix()
                if path.count("/") > self._limits.depth:
                    folders.clear()
                    yield Problem(name=path, reason="The file lies too deep; move it further up.")
                    continue
                yield path

    def has(self, name: str) -> bool:
        return os.path.isfile(self._root / name)  # pathlib's own raises where a name is too long

    def file(self, name: str, limit: int) -> NamedFile:
        path = self._root / name
        try:
            real = path.resolve(strict=True)
            size = real.stat().st_size
        except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: a loop of links
            raise IntakeError("There is no such file beside the table.") from error
        if not real.is_relative_to(self._root):
            raise IntakeError("The file is a link that leads outside the folder.")
        if not real.is_file():
            raise IntakeError("This is no ordinary file.")
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
                self._refused.append(Problem(name=file.name, reason=str(error)))
                continue
            if name in self._files:
                reason = "There are two files of this name; the first was taken."
                self._refused.append(Problem(name=file.name, reason=reason))
            self._files.setdefault(name, file)

    def names(self) -> Iterator[str | Problem]:
        yield from self._refused
        yield from self._files

    def has(self, name: str) -> bool:
        return name in self._files

    def file(self, name: str, limit: int) -> NamedFile:
        if name not in self._files:
            raise IntakeError("There is no such file beside the table.")
        found = self._files[name]
        if found.size() > limit:
            raise IntakeError(f"The file is too large; at most {limit:,} bytes are read.")
        return found
