"""Where several sources lie, as if the folder above all of them had been given: by that a table and
the images of another source find each other.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from posixpath import dirname, join

from blip2core.file_names import base_name, stem
from blip2core.formats.files import NamedFile
from blip2core.intake.entries import EntriesByName, Entry
from blip2core.intake.limits import Limits
from blip2core.intake.sources import ReadableSource, is_folder


class Places:
    """The paths of sources below the folder that holds all of them."""

    def __init__(self, sources: Sequence[ReadableSource]) -> None:
        above = [
            _whole(one) if is_folder(one) else os.path.dirname(_whole(one))
            for one in sources
            if not isinstance(one, NamedFile)
        ]
        try:
            self._root = os.path.commonpath(above) if above else ""
        except ValueError:  # on several drives
            self._root = ""

    def of(self, source: ReadableSource) -> str:
        """Return the path of a source; of the folder that holds all of them it is empty."""
        if isinstance(source, NamedFile):
            return source.name.replace("\\", "/").lstrip("/")
        path = os.path.relpath(_whole(source), self._root) if self._root else _whole(source)
        return "" if path == "." else Path(path).as_posix().lstrip("/")

    def inside(self, source: ReadableSource) -> str:
        """Return the path under which the images of a folder or archive lie."""
        return self.of(source) if is_folder(source) else stem(self.of(source))


@dataclass(frozen=True, slots=True)
class GivenRows:
    """The rows of tables that were given beside folders and archives."""

    rows: EntriesByName
    place: Callable[[str], str]
    """Name among the files that were given -> where it lies among all sources."""

    def add(self, entry: Entry, table: str, limits: Limits) -> None:
        """Keep a row of a table, with a path among the files that were given."""
        folder, beside = dirname(self.place(table)), dirname(table)
        path = entry.path or entry.name
        is_below = path.startswith(f"{beside}/") if beside else True
        inner = path[len(beside) :].lstrip("/")
        place = join(folder, inner) if is_below else path
        self.rows.add(entry, limits, folder, place)


def below(place: str, path: str) -> str:
    """Return the path of a file in a folder, which is empty for the one above all."""
    return join(place, path) if place else path


def _whole(source: str | Path | NamedFile) -> str:
    assert not isinstance(source, NamedFile)
    return os.path.abspath(Path(source).expanduser())


def shown_name(source: ReadableSource) -> str:
    """Return how the files of a folder or archive are called in front of their own names."""
    return base_name(source.name if isinstance(source, NamedFile) else _whole(source))
