"""Links in a folder: those that stay inside are followed, all others are refused.

A snapshot in the cache of the Hugging Face Hub consists of links, snapshots/SHA/a.jpg ->
../../blobs/ETAG, so the blobs of that repository belong to its snapshots. Newer versions of
huggingface_hub make blobs/ETAG a link too, into a store that all repositories of the cache share;
only what the repository itself links to is read there.
"""

import os
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from blip2core.errors import IntakeError
from blip2core.formats.files import refused_file
from blip2core.records import Problem

REPOSITORY = re.compile(r"(datasets|models|spaces)--.+")
"""Folder of a repository in the cache of the Hub."""
STORE_MARK = ".huggingface-shared-blobs"
STORED = re.compile(r"[0-9a-f]{2}/[0-9a-f]{64}")
HOPS = 8
"""Links of links that are followed by hand."""


@dataclass(frozen=True, slots=True)
class Reach:
    """A folder, and the blobs of the Hub's repository that it is a snapshot of."""

    root: Path
    """The folder that was given, without links."""
    blobs: Path | None

    def resolve(self, path: Path) -> Path:
        """Return the file or folder that a path below the root means, without links.

        Raises IntakeError where it lies outside, or there is none.
        """
        try:
            real = path.resolve(strict=True)
        except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: a loop of links
            if os.path.islink(path):
                raise IntakeError("The link leads nowhere.") from error
            raise IntakeError("There is no such file beside the table.") from error
        if real.is_relative_to(self.root):
            return real
        if self.blobs and (real.is_relative_to(self.blobs) or self._is_shared(path, real)):
            return real
        raise IntakeError(
            "The file is a link that leads outside the folder; put the file itself there, or "
            "import the folder it lies in."
        )

    def _is_shared(self, path: Path, real: Path) -> bool:
        """Return whether a path leads through the repository's own blobs to the shared store."""
        assert self.blobs is not None
        store = self.blobs.parent.parent / "blobs"
        if store.is_symlink() or not (store / STORE_MARK).is_file():
            return False
        if not real.is_relative_to(store) or not STORED.fullmatch(
            real.relative_to(store).as_posix()
        ):
            return False
        for _ in range(HOPS):
            path = path.parent.resolve() / path.name
            if path.parent == self.blobs:
                return True
            if not path.is_symlink():
                return False
            path = path.parent / path.readlink()
        return False


def reach_of(root: Path) -> Reach:
    """Return what an import of `root`, which is a folder without links, may read."""
    for folder in (root, *root.parents):
        if folder.name == "snapshots" and REPOSITORY.fullmatch(folder.parent.name):
            blobs = folder.parent / "blobs"
            if blobs.is_dir() and not blobs.is_symlink():
                return Reach(root, blobs)
    return Reach(root, None)


def folder_of(file: Path) -> Path:
    """Return the folder that the paths in a table start from, without links.

    It is where the table itself lies, but that of the link where it is in a snapshot of the Hub.
    """
    beside = file.parent.resolve()
    return beside if reach_of(beside).blobs else file.resolve().parent


def files_below(reach: Reach) -> Iterator[str | Problem]:
    """Yield the files below the root by their relative paths, in order, the hidden ones left out;
    a Problem for each link that leads outside, and each folder that cannot be read.

    Each folder is read once, under its own name where it has one below the root: folders that only
    links lead to come last. So circles of links end.
    """
    folders: list[tuple[str, Path]] = [("", reach.root)]
    linked: deque[tuple[str, Path]] = deque()
    seen: set[Path] = set()
    while folders or linked:
        name, real = folders.pop() if folders else linked.popleft()
        if real in seen:
            continue
        seen.add(real)
        inner: list[tuple[str, Path]] = []
        for found in _listed(name, real, reach):
            if isinstance(found, Problem):
                yield found
            elif not found.is_folder:
                yield found.name
            else:
                (linked if found.is_link else inner).append((found.name, found.real))
        folders += reversed(inner)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listed:
    """A file or folder in a folder."""

    name: str
    real: Path
    is_folder: bool
    is_link: bool


def _listed(name: str, folder: Path, reach: Reach) -> Iterator[_Listed | Problem]:
    """Yield what is in a folder of this name, in order."""
    try:
        with os.scandir(folder) as opened:
            entries = sorted(opened, key=lambda entry: entry.name)
    except OSError as error:
        reason = f"The folder cannot be read: {error.strerror}."
        yield Problem(name=name or folder.name, reason=reason, about="source")
        return
    for entry in entries:
        if entry.name.startswith(".") or _is_of_hub(folder, entry.name):
            continue
        path, real = f"{name}/{entry.name}" if name else entry.name, folder / entry.name
        is_link = entry.is_symlink()
        try:
            real = reach.resolve(real) if is_link else real
        except IntakeError as error:
            yield refused_file(path, str(error))
            continue
        is_folder = real.is_dir() if is_link else entry.is_dir(follow_symlinks=False)
        yield _Listed(name=path, real=real, is_folder=is_folder, is_link=is_link)


def _is_of_hub(folder: Path, name: str) -> bool:
    """Return whether a folder is one that the Hub keeps beside the snapshots of a repository, which
    link to it.
    """
    is_beside = name in {"blobs", "refs"} and bool(REPOSITORY.fullmatch(folder.name))
    return is_beside and (folder / "snapshots").is_dir()
