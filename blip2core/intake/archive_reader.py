"""The images of a folder or archive, with the texts beside them and of the tables among them."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from posixpath import dirname

from blip2core.errors import IntakeError
from blip2core.intake.archives import Archive
from blip2core.intake.columns import Columns
from blip2core.intake.downloads import Downloads, fetch_all
from blip2core.intake.entries import EntriesByName, Entry, image
from blip2core.intake.files import (
    ARCHIVE_SUFFIXES,
    INTAKE_SUFFIXES,
    TABLE_SUFFIXES,
    NamedFile,
    looks_like_image,
)
from blip2core.intake.limits import Limits
from blip2core.intake.names import base_name, inner_path, stem, suffix
from blip2core.intake.saved_datasets import SAVED_COMPANIONS, is_computed, with_split
from blip2core.intake.side_files import MAX_SIDE, SIDE_SUFFIXES, side_entry
from blip2core.intake.tables import table_entries
from blip2core.records import Problem, WebImage

ImageOrProblem = WebImage | Problem
COMPANIONS = SAVED_COMPANIONS | {
    *("thumbs.db", "desktop.ini", "manifest.json", "sha256sums", "license"),
}
"""Files that lie beside images and mean nothing here."""
COMPANION_ENDS = (".md", "_stats.json", ".yaml", ".yml", ".html", ".lock")
COMPUTED = "datasets computed it from the tables beside it; give it alone to read it."
ANY = 1 << 50
"""No limit: the file is read as a stream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPlan:
    """How to read, the same for all sources of one import."""

    columns: Columns | None = None
    download: Downloads | None = None
    limits: Limits = field(default_factory=Limits)


def read_archive(
    archive: Archive,
    plan: ReadPlan,
    *,
    read_inner: Callable[[NamedFile], Iterator[ImageOrProblem]] | None = None,
) -> Iterator[ImageOrProblem]:
    """Yield every image once, in the order of names; then the images that only tables name.

    `read_inner` reads archives among the files, where that is allowed.
    """
    return _ArchiveReading(archive, plan, read_inner).run()


def read_entries(
    entries: Iterable[Entry | Problem], archive: Archive, plan: ReadPlan
) -> Iterator[ImageOrProblem]:
    """Yield the image of each entry in order: its bytes, a file of the archive, or a download."""

    def local(entry: Entry | Problem) -> ImageOrProblem | Entry:
        """Return what needs no network; an entry that has only an address is returned as it is."""
        if isinstance(entry, Problem):
            return entry
        try:
            if entry.data is not None:
                return image(entry.name, entry.data, entry)
            if entry.path:
                data = archive.file(entry.path, plan.limits.image_bytes)
                return image(entry.path, data.read(plan.limits.image_bytes), entry)
        except IntakeError as error:
            if not entry.url:
                return Problem(name=f"{entry.where}: {entry.path}", reason=str(error))
        return entry

    yield from fetch_all(map(local, entries), plan.download)


def placed(entry: Entry | Problem, folder: str, depth: int) -> Entry | Problem:
    """Return the entry with its path in the archive; a Problem where it leads outside."""
    if isinstance(entry, Problem) or not entry.path or entry.data is not None:
        return entry
    try:
        return replace(entry, path=inner_path(entry.path, folder=folder, depth=depth))
    except IntakeError as error:
        return Problem(name=f"{entry.where}: {entry.path}", reason=str(error))


def _tables(names: Iterable[str]) -> list[str]:
    """Return the tables, but the index that img2dataset writes beside each of its archives."""
    archives = {stem(name) for name in names if suffix(name) in ARCHIVE_SUFFIXES}
    return [name for name in names if suffix(name) in TABLE_SUFFIXES and stem(name) not in archives]


class _ArchiveReading:
    """One pass over an archive: what is there, what tables say of it, what has been read."""

    def __init__(
        self,
        archive: Archive,
        plan: ReadPlan,
        read_inner: Callable[[NamedFile], Iterator[ImageOrProblem]] | None,
    ) -> None:
        self._archive, self._plan, self._read_inner = archive, plan, read_inner
        self._limits = plan.limits
        self._names: dict[str, None] = {}
        self._bases: Counter[str] = Counter()
        self._rows = EntriesByName()
        self._used: set[str] = set()

    def run(self) -> Iterator[ImageOrProblem]:
        for name in self._archive.names():
            if isinstance(name, Problem):
                yield name
            else:
                self._names[name] = None
        self._bases = Counter(map(base_name, self._names))
        for table in _tables(self._names):
            yield from self._read_table(table)
        for name in self._names:
            if suffix(name) in INTAKE_SUFFIXES:
                yield self._read_image(name)
        yield from read_entries(self._rows.rest(), self._archive, self._plan)
        for name in self._names:
            if name not in self._used:
                yield from self._read_other(name)

    def _read_table(self, table: str) -> Iterator[ImageOrProblem]:
        """Keep the rows that are looked up by name; yield the images that the table carries."""
        self._used.add(table)
        if is_computed(table, self._names):
            yield Problem(name=table, reason=COMPUTED)
            return
        try:
            file = self._archive.file(table, ANY if self._read_inner else self._limits.table_bytes)
        except IntakeError as error:
            yield Problem(name=table, reason=str(error))
            return
        file = replace(file, name=with_split(table, self._names, self._archive))
        for entry in table_entries(file, self._plan.columns, self._limits):
            found = placed(entry, dirname(table), self._limits.depth)
            if isinstance(found, Problem):
                yield found
            elif found.data is not None:
                yield image(found.name, found.data, found)
            else:
                yield from self._rows.add(found, self._limits)

    def _read_image(self, name: str) -> ImageOrProblem:
        self._used.add(name)
        row = self._rows.find(name, loosely=self._bases[base_name(name)] == 1)
        try:
            limit = self._limits.image_bytes
            data = self._archive.file(name, limit).read(limit)
            beside = side_entry(name, self._sides(name), self._limits)
        except IntakeError as error:
            return Problem(name=name, reason=str(error))
        return image(name, data, beside, *([row] if row else []))

    def _sides(self, name: str) -> dict[str, bytes]:
        """Return the side files of an image by suffix: a.txt and a.jpg.txt both belong to a.jpg."""
        sides = {}
        for end in SIDE_SUFFIXES:
            for side in (name + end, stem(name) + end):
                if side in self._names:
                    self._used.add(side)
                    file = self._archive.file(side, MAX_SIDE)
                    sides[end] = file.read(MAX_SIDE, may_be_empty=True)
        return sides

    def _read_other(self, name: str) -> Iterator[ImageOrProblem]:
        """Yield a file that is no image by its name, and that nothing has asked for."""
        base = base_name(name).lower()
        if base in COMPANIONS or base.endswith(COMPANION_ENDS) or suffix(name) in TABLE_SUFFIXES:
            return
        try:
            if suffix(name) not in ARCHIVE_SUFFIXES:
                limit = self._limits.image_bytes
                yield _told(name, self._archive.file(name, limit).read(limit))
            elif self._read_inner is None:
                yield Problem(name=name, reason="An archive in an archive is not opened.")
            else:
                yield from self._read_inner(self._archive.file(name, ANY))
        except IntakeError as error:
            yield Problem(name=name, reason=str(error))


def _told(name: str, data: bytes) -> ImageOrProblem:
    """Return an image whose name does not say that it is one, or a Problem."""
    if looks_like_image(data[:512]):
        return image(name, data)
    reason = "The file is neither an image, nor a text beside one, nor a table."
    return Problem(name=name, reason=reason)
