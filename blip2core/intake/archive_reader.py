"""The images of a folder or archive, with the texts beside them and of the tables among them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from posixpath import dirname

from blip2core.errors import IntakeError
from blip2core.file_names import base_name, safe_name, stem, suffix, table_path
from blip2core.formats.files import (
    ARCHIVE_SUFFIXES,
    INTAKE_SUFFIXES,
    TABLE_SUFFIXES,
    NamedFile,
    looks_like_image,
)
from blip2core.formats.sidecars import concept_of
from blip2core.intake.archives import ANY, Archive, FolderArchive, is_text_table
from blip2core.intake.companions import export_companions, is_list_of_names, is_of_system
from blip2core.intake.downloads import fetch_all
from blip2core.intake.entries import EntriesByName, Entry, image, with_entry
from blip2core.intake.given_places import GivenRows
from blip2core.intake.image_texts import texts_of
from blip2core.intake.img2dataset import failed_rows, is_beside, is_index, key_columns
from blip2core.intake.json_members import JsonMembers, json_names
from blip2core.intake.other_files import (
    EMPTY,
    NO_KIND,
    OF_DATA,
    OF_NAMES,
    OF_SAMPLE,
    OtherFiles,
    is_about_data,
)
from blip2core.intake.pairing import LINE_SUFFIXES, Pairing, field_end, key, pair
from blip2core.intake.read_plan import ReadPlan
from blip2core.intake.reading import CARRIERS, in_unit
from blip2core.intake.saved_datasets import is_computed, with_split
from blip2core.intake.side_files import (
    MAX_SIDE,
    SIDE_SUFFIXES,
    SideFile,
    SideNotes,
    side_entry,
)
from blip2core.intake.tables import table_entries
from blip2core.records import Problem, TextOrigin, Told, Unused, WebImage

ImageOrProblem = WebImage | Told
COMPUTED = "datasets computed it from the tables beside it: give it alone to read it"
OTHER_SUFFIXES = TABLE_SUFFIXES | ARCHIVE_SUFFIXES | frozenset(SIDE_SUFFIXES)
KNOWN_SUFFIXES = INTAKE_SUFFIXES | OTHER_SUFFIXES
"""Endings that say what a file is; of all others the first bytes do."""


def read_archive(
    archive: Archive,
    plan: ReadPlan,
    *,
    read_inner: Callable[[NamedFile], Iterator[ImageOrProblem]] | None = None,
    webdataset: bool = False,
    given: GivenRows | None = None,
) -> Iterator[ImageOrProblem]:
    """Yield every image once, in the order of names; then the images that only tables name.

    `read_inner` reads archives among the files, where that is allowed. `webdataset`: the archive
    may hold samples of several members, of which some are neither image nor text. `given`: takes
    the rows of its tables, which are about the images of other sources too.
    """
    return _ArchiveReading(archive, plan, read_inner, webdataset, given).run()


def read_entries(
    entries: Iterable[Entry | Told], archive: Archive, plan: ReadPlan
) -> Iterator[ImageOrProblem]:
    """Yield the image of each entry in order: its bytes, a file of the archive, or a download."""

    def local(entry: Entry | Told) -> ImageOrProblem | Entry:
        """Return what needs no network; an entry that has only an address is returned as it is."""
        if not isinstance(entry, Entry):
            return entry
        try:
            if entry.data is not None:
                return image(entry.name, entry.data, entry)
            if entry.path and plan.only_names and archive.has(entry.path):
                return image(entry.path, b"")
            if entry.path:
                data = archive.file(entry.path, plan.limits.image_bytes)
                return image(entry.path, data.read(plan.limits.image_bytes), entry)
        except IntakeError as error:
            if not entry.url:
                return entry.problem(f"{entry.where}: {entry.path}", str(error))
        return entry

    yield from fetch_all(map(local, entries), plan.download)


def placed(entry: Entry | Told, folder: str, depth: int) -> Entry | Told:
    """Return the entry with its path in the archive; a Problem where it leads outside."""
    if not isinstance(entry, Entry) or not entry.path or entry.data is not None:
        return entry
    try:
        return replace(entry, path=table_path(entry.path, folder=folder, depth=depth))
    except IntakeError as error:
        return entry.problem(f"{entry.where}: {entry.path}", str(error))


def may_be_image(name: str) -> bool:
    """Return whether a table may mean this file: it is no table, archive or text by its name."""
    return suffix(name) not in OTHER_SUFFIXES


class _ArchiveReading:
    """One pass over an archive: what is there, what tables say of it, what has been read."""

    def __init__(
        self,
        archive: Archive,
        plan: ReadPlan,
        read_inner: Callable[[NamedFile], Iterator[ImageOrProblem]] | None,
        webdataset: bool,
        given: GivenRows | None,
    ) -> None:
        self._archive, self._plan, self._read_inner = archive, plan, read_inner
        self._given = given
        self._webdataset = webdataset
        self._pairing = Pairing(sides={})
        self._by_stem: dict[str, str] = {}
        self._limits = plan.limits
        self._names: dict[str, None] = {}
        self._rows = EntriesByName()
        self._used: set[str] = set()
        self._json = JsonMembers(archive, (), plan.limits, webdataset=webdataset)
        self._other = OtherFiles()
        self._side_notes = SideNotes()

    def run(self) -> Iterator[ImageOrProblem]:
        for name in self._archive.names():
            if isinstance(name, Problem):
                yield name
            elif not is_of_system(name):
                self._names[name] = None
        for name in export_companions(self._names, self._archive):
            del self._names[name]
        images = [name for name in self._names if self._is_image(name)]
        yield from self._read_tables(images)
        yield from self._read_json(images)
        yield from self._rows.match(filter(may_be_image, self._names), self._limits)
        sides = (
            name
            for name in self._names
            if suffix(name) in SIDE_SUFFIXES and name not in self._json.used
        )
        named = {name for name in images if name in self._rows}
        self._pairing = pair(images, sides, webdataset=self._webdataset, named=named)
        yield from self._pairing.notes
        by_name = {*images, *(name for name in self._names if name in self._rows)}
        for name in self._names:
            if name in by_name and name not in self._pairing.maps:
                yield from self._read_image(name)
        for name in self._names:
            if suffix(name) in ARCHIVE_SUFFIXES:
                yield from self._read_archive(name)
        yield from self._rows.told()
        yield from read_entries(self._rows.rest(), self._archive, self._plan)
        yield from self._read_rest()
        yield from self._side_notes.told()

    def _read_rest(self) -> Iterator[ImageOrProblem]:
        """Yield what is neither an image by its name, nor asked for by anything."""
        for name in self._names:
            if name in self._used or name in self._pairing.maps:
                continue
            if self._is_field(name):
                self._other.add(name, OF_SAMPLE, field_end(name))
            elif suffix(name) not in TABLE_SUFFIXES:
                yield from self._read_other(name)
        yield from self._other.told()

    def _is_image(self, name: str) -> bool:
        """Return whether a file is an image by its ending, else by its bytes."""
        if suffix(name) in KNOWN_SUFFIXES:
            return suffix(name) in INTAKE_SUFFIXES
        return looks_like_image(self._archive.head(name))

    def _is_field(self, name: str) -> bool:
        """Return whether a file is another part of a sample, such as its map, its label or a
        second .json. Texts that belong to no image are none.
        """
        is_other = suffix(name) not in {*TABLE_SUFFIXES, *ARCHIVE_SUFFIXES, *LINE_SUFFIXES}
        return self._webdataset and is_other and key(name) in self._pairing.keys

    def _read_tables(self, images: list[str]) -> Iterator[ImageOrProblem]:
        """Read all tables, and those of img2dataset by the archives and folders they are of."""
        archives = {stem(name) for name in self._names if suffix(name) in ARCHIVE_SUFFIXES}
        folders = {dirname(name) for name in images}
        beside = set(map(stem, images))
        for table in self._names:
            if suffix(table) not in TABLE_SUFFIXES and not is_text_table(
                self._archive, table, beside
            ):
                continue
            self._used.add(table)
            limit = ANY if self._read_inner else self._limits.table_bytes
            try:
                file = self._archive.file(table, limit)
            except IntakeError as error:
                yield Problem(name=table, reason=str(error), about="source")
                continue
            if stem(table) in archives and is_index(file, or_damaged=True):
                yield from failed_rows(file, self._limits)
            elif is_beside(table, folders, self._names) and is_index(file):
                yield from self._read_index(file, images)
            else:
                yield from self._read_table(file)

    def _read_table(self, file: NamedFile) -> Iterator[ImageOrProblem]:
        """Keep the rows that are looked up by name; yield the images that the table carries."""
        if is_computed(file.name, self._names):
            yield Unused(kind="file", name=file.name, advice=COMPUTED)
            return
        columns = self._plan.columns_in(file)
        file = replace(file, name=with_split(file.name, self._names, self._archive))
        entries = table_entries(file, columns, self._limits)
        reading = self._plan.reading if suffix(file.name) in CARRIERS else None
        rows = self._given.rows if self._given is not None else self._rows
        yield from in_unit(reading, file, rows, lambda: self._take(entries, file.name))

    def _read_json(self, images: list[str]) -> Iterator[ImageOrProblem]:
        """Read the JSON files that have a known format; what is left may be a side file."""
        self._json = JsonMembers(self._archive, images, self._limits, webdataset=self._webdataset)
        names = json_names(self._names)
        for name, entries in self._json.entries(names, self._plan.columns_in):
            yield from self._take(entries, name)
        self._used |= self._json.used

    def _take(self, entries: Iterable[Entry | Told], table: str) -> Iterator[ImageOrProblem]:
        """Keep the entries that are looked up by name; yield the images that a table carries."""
        for entry in entries:
            found = placed(entry, dirname(table), self._limits.depth)
            if not isinstance(found, Entry):
                yield found
            elif found.data is not None:
                yield image(found.name, found.data, found)
            else:
                self._keep(self._listed(found), table)

    def _keep(self, entry: Entry, table: str) -> None:
        """Keep a row of a table until its image is read."""
        if self._given is not None:
            self._given.add(entry, table, self._limits)
        else:
            self._rows.add(entry, self._limits, dirname(table))

    def _listed(self, entry: Entry) -> Entry:
        """Return an entry with the name that its file has here, where links lead to it."""
        archive = self._archive
        if entry.path and entry.path not in self._names and isinstance(archive, FolderArchive):
            name = archive.real_name(entry.path)
            return replace(entry, path=name) if name in self._names else entry
        return entry

    def _read_index(self, file: NamedFile, images: list[str]) -> Iterator[Told]:
        """Keep the rows of a table of img2dataset under the images that their keys mean."""
        if not self._by_stem:
            self._by_stem = {stem(name): name for name in images}
        missing: list[str] = []
        lost = 0
        columns = key_columns(file, self._plan.columns_in(file))
        for entry in table_entries(file, columns, self._limits):
            if not isinstance(entry, Entry):
                yield entry
                continue
            name = self._by_stem.get(f"{stem(file.name)}/{entry.path}")
            if name is None and (self._plan.download is None or not entry.url):
                missing.append(f"{entry.path}")
                lost += entry.found.read
            else:
                self._keep(replace(entry, path=name), file.name)
        if missing:
            which = "1 row has" if len(missing) == 1 else f"{len(missing):,} rows have"
            reason = (
                f"{which} no image in the folder {base_name(stem(file.name))}, the first "
                f"{safe_name(missing[0])}; add the files, or switch downloads on."
            )
            yield Problem(name=file.name, reason=reason, texts=lost, count=len(missing))

    def _read_image(self, name: str) -> Iterator[ImageOrProblem]:
        self._used.update((name, *self._pairing.sides.get(name, ())))
        if self._plan.only_names:
            yield image(name, b"")
            return
        row = self._rows.find(name)
        known = row.texts if row else ()
        beside = side_entry(
            name, self._sides(name), self._limits, known=known, notes=self._side_notes
        )
        entries = (beside, row) if row else (beside,)
        if not any(entry.found.read for entry in entries) and (concept := concept_of(name)):
            found = texts_of([(concept, TextOrigin(place="folder"))], name, self._limits)
            entries = (replace(beside, found=found), *entries[1:])
        try:
            limit = self._limits.image_bytes
            data = self._archive.file(name, limit).read(limit)
        except IntakeError as error:
            yield Problem(name=name, reason=str(error), texts=sum(e.found.read for e in entries))
            return
        yield image(name, data, *entries, limits=self._limits)

    def _sides(self, name: str) -> Iterator[SideFile]:
        """Yield the side files of an image."""
        for side in self._pairing.sides.get(name, ()):
            try:
                data = self._archive.file(side, MAX_SIDE).read(MAX_SIDE, may_be_empty=True)
                yield side, data
            except IntakeError as error:
                yield side, error

    def _read_other(self, name: str) -> Iterator[ImageOrProblem]:
        """Yield a file that nothing asked for, or count it among those that are told together."""
        try:
            head, limit = self._archive.head(name), self._limits.image_bytes
            if suffix(name) not in SIDE_SUFFIXES and (not head or looks_like_image(head)):
                is_other = suffix(name) not in KNOWN_SUFFIXES
                data = self._archive.file(name, limit).read(limit, may_be_empty=is_other)
                if data:
                    yield image(name, data)
                else:
                    self._other.add(name, EMPTY)
            elif (known := self._json.known.get(name)) is not None:
                self._other.add(name, known)
            elif suffix(name) in SIDE_SUFFIXES:
                yield from self._read_lonely(name)
            else:
                self._other.add(name, OF_DATA if is_about_data(name) else NO_KIND)
        except IntakeError as error:
            reason = self._json.unread.get(name, str(error))
            yield Problem(name=name, reason=reason, about="source")

    def _read_lonely(self, name: str) -> Iterator[Problem]:
        """Yield a text that belongs to no image. Raises IntakeError where it cannot be read."""
        data = self._archive.file(name, MAX_SIDE).read(MAX_SIDE, may_be_empty=True)
        if suffix(name) != ".json" and is_about_data(name):
            self._other.add(name, OF_DATA)
            return
        if suffix(name) != ".json" and is_list_of_names(data.decode("utf-8", "replace")):
            self._other.add(name, OF_NAMES)
            return
        texts = side_entry(name, [(name, data)], self._limits).found
        reason = self._json.unread.get(name, "")
        if reason and not texts.words:
            yield Problem(name=name, reason=reason, about="source")
            return
        reason = "No image has the name of this text, so it was not used; name them alike."
        yield Problem(name=name, reason=reason, about="text without image", texts=texts.read)

    def _read_archive(self, name: str) -> Iterator[ImageOrProblem]:
        """Yield the images of an archive among the files, with the texts that tables have."""
        self._used.add(name)
        try:
            if (read_inner := self._read_inner) is None:
                raise IntakeError("An archive in an archive is not opened.")
            file = self._archive.file(name, ANY)
            within = in_unit(self._plan.reading, file, self._rows, lambda: read_inner(file))
            for found in within:
                if isinstance(found, WebImage):
                    row = self._rows.find(found.name)
                    found = with_entry(found, row, self._limits)
                yield found
        except IntakeError as error:
            yield Problem(name=name, reason=str(error), about="source")
