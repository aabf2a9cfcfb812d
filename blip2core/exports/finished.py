"""A finished export: that its folder has all files of its manifest, as they were written."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from blip2core.errors import ExportError, os_problem
from blip2core.exports.output import MANIFEST_NAME, SUMS
from blip2core.texts import visible

CARD = "README.md"
LONGEST_SUMS = 500_000_000
"""Bytes of SHA256SUMS and of the manifest that are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedFile:
    """A file of a finished export."""

    name: str
    """Relative to the folder."""
    path: Path
    size: int
    """Bytes."""
    sha256: str
    """64 hex digits."""


def finished_export(folder: Path) -> list[ExportedFile]:
    """Return the files of an export, SHA256SUMS first and the manifest last; all bytes are read.

    Raises ExportError where the folder is none, is not complete, or has a file that differs from
    what was written or that was put there later.
    """
    try:
        return list(_checked(folder))
    except OSError as error:
        raise ExportError(f"{folder} cannot be read: {os_problem(error)}.") from error


def _checked(folder: Path) -> Iterator[ExportedFile]:
    if not (folder / MANIFEST_NAME).is_file() or not (folder / SUMS).is_file():
        raise ExportError(
            f"{folder} is no finished export: it has no {MANIFEST_NAME} with a {SUMS}. Write one "
            "with `blip2 export`."
        )
    sums, manifest = _file(folder, SUMS), _file(folder, MANIFEST_NAME)
    said = _manifest(manifest)
    if sums.sha256 != said.get("sha256sums"):
        raise ExportError(f"{folder}: {SUMS} is not what the manifest says; export it again.")
    named = {SUMS, MANIFEST_NAME}
    yield sums
    for line in sums.path.read_text("utf-8", errors="replace").splitlines():
        digest, separator, name = line.partition("  ")
        if not separator or name in named or not _is_plain(name):
            raise ExportError(f"{folder}: {SUMS} has a line that no export writes; export again.")
        named.add(name)
        if not (folder / name).is_file() or (folder / name).is_symlink():
            raise ExportError(f"{folder} is not complete: {visible(name)} is missing.")
        found = _file(folder, name)
        if found.sha256 != digest:
            raise ExportError(f"{folder}: {visible(name)} is not as it was written; export again.")
        yield found
    if said.get("files") != len(named) - len((SUMS, MANIFEST_NAME)):
        raise ExportError(f"{folder}: {MANIFEST_NAME} was changed; export it again.")
    for name in _names_below(folder):
        if name not in named:
            raise ExportError(
                f"{folder}: {visible(name)} is no file of the export; move it elsewhere."
            )
    yield manifest


def _file(folder: Path, name: str) -> ExportedFile:
    path = folder / name
    with path.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
        size = opened.tell()
    return ExportedFile(name=name, path=path, size=size, sha256=digest)


def _manifest(manifest: ExportedFile) -> Mapping[str, object]:
    """Return what a manifest says; nothing where it is none."""
    try:
        if manifest.size > LONGEST_SUMS:
            return {}
        found = json.loads(manifest.path.read_bytes())
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _is_plain(name: str) -> bool:
    """Return whether a name stays in its folder."""
    parts = name.split("/")
    return all(part not in ("", ".", "..") for part in parts) and "\\" not in name


def _names_below(folder: Path) -> Iterator[str]:
    """Yield the names of all files that are not hidden."""
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if not name.startswith("."):
                yield Path(parent, name).relative_to(folder).as_posix()
