"""preview(): the tables of a source before it is imported, by their first rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from posixpath import dirname

from blip2core.errors import IntakeError
from blip2core.file_names import safe_name, stem, suffix, table_path
from blip2core.formats.files import (
    ARCHIVE_SUFFIXES,
    COMPRESSED,
    INTAKE_SUFFIXES,
    TABLE_KINDS,
    TABLE_SUFFIXES,
    TEXT_TABLES,
    NamedFile,
    kind_of,
)
from blip2core.intake.archives import ANY, Archive, FolderArchive, LooseFiles, is_text_table
from blip2core.intake.columns import SaidColumns, check_columns
from blip2core.intake.companions import export_companions, is_of_system
from blip2core.intake.file_lookup import FileLookup
from blip2core.intake.img2dataset import is_beside, is_index
from blip2core.intake.json_members import JsonMembers
from blip2core.intake.limits import Limits
from blip2core.intake.links import folder_of
from blip2core.intake.preview_tables import HEAD, preview_of
from blip2core.intake.preview_values import MOST_BYTES, Cell, Preview, small_image
from blip2core.intake.read_plan import ReadPlan
from blip2core.intake.saved_datasets import is_computed
from blip2core.intake.sources import ReadableSource, check_settings, folders_and_files, no_source
from blip2core.intake.tars import TarArchive
from blip2core.intake.zips import ZipArchive
from blip2core.texts import count_of

NAMES = 20_000
"""Names of a folder or tar archive that are looked at; a zip archive lists all of its own."""
TABLES = 30
"""Tables that are looked into, in all."""
WHOLE = 20_000_000
"""Bytes of JSON files that are read whole, in all."""
ARCHIVES = 3
"""Archives that are looked into."""
SIDES = 100
"""JSON files of the names of images that are looked into: are they about more?"""
KINDS = 6
"""Previews that are returned: one of each kind of header."""
HEAD_OF_TAR = 64_000_000
"""Bytes of a compressed tar that are looked at: it can only be read from its start."""


def preview(
    source: ReadableSource | Sequence[ReadableSource],
    *,
    columns: SaidColumns | None = None,
    limits: Limits | None = None,
) -> tuple[Preview, ...]:
    """Return the first tables of a source: of those with the same columns the first.

    It takes what `read` takes, and reads only beginnings: `NAMES` names of a folder or archive,
    some rows of each of `TABLES` tables. What is wrong with a table is told by its preview; what is
    wrong with the only source raises IntakeError, as in `read`.
    """
    check_columns(columns)
    check_settings(limits=limits)
    plan = ReadPlan(columns=columns, limits=limits or Limits())
    sources = folders_and_files(source)
    looking = _Looking(
        plan=plan,
        is_only=isinstance(source, str | Path | NamedFile),
        archives=ARCHIVES,
        tables=TABLES,
        whole=WHOLE,
    )
    kinds = one_of_each_kind(looking.into(sources))
    shown, more = kinds[:KINDS], kinds[KINDS:]
    notes = []
    if more:
        notes.append(
            f"Not shown: {count_of(len(more), 'other kind')} of tables or files, the first "
            f"{safe_name(more[0].table)}. Their columns are guessed by their names."
        )
    if looking.is_cut:
        notes.append(
            f"At most {TABLES} tables, and {ARCHIVES} archives, are looked into before an import. "
            "What is chosen holds for all tables with the same columns, these and others."
        )
    return (*shown[:-1], *(replace(one, notes=(*one.notes, *notes)) for one in shown[-1:]))


def one_of_each_kind(found: Iterable[Preview]) -> tuple[Preview, ...]:
    """Return the first of the tables of each kind, with the names of the others; and the annotation
    files.
    """
    kinds: dict[object, list[Preview]] = {}
    for number, one in enumerate(found):
        kinds.setdefault(one.kind or number, []).append(one)
    return tuple(
        replace(
            several[0],
            others=tuple(name for one in several for name in (one.table, *one.others))[1:],
        )
        for several in kinds.values()
    )


@dataclass(slots=True)
class _Looking:
    """One look at a source."""

    plan: ReadPlan
    is_only: bool
    """Whether it is one source, which other files may lie beside."""
    archives: int
    tables: int
    whole: int
    """What may still be looked into."""
    is_cut: bool = False
    """Whether something was not looked into."""

    def into(self, sources: Sequence[Path | NamedFile]) -> Iterator[Preview]:
        """Yield the tables of the sources in turn. Raises IntakeError where the only one cannot be
        read.
        """
        loose = [one for one in sources if isinstance(one, NamedFile)]
        beside = LooseFiles(loose)
        packed = {stem(one.name) for one in loose if suffix(one.name) in ARCHIVE_SUFFIXES}
        for source in sources:
            if not self.tables:
                self.is_cut = True
                return
            try:
                if isinstance(source, Path):
                    yield from self._archive(FolderArchive(source, self.plan.limits))
                else:
                    yield from self._file(source, beside, packed)
            except IntakeError:
                if self.is_only:
                    raise

    def _file(self, file: NamedFile, beside: Archive, packed: set[str]) -> Iterator[Preview]:
        if not file.start(1) and suffix(file.name) in ARCHIVE_SUFFIXES:
            raise IntakeError(f"{safe_name(file.name)} is empty.")
        kind = kind_of(file)
        if kind in TABLE_KINDS or kind == "json":
            if self.is_only and isinstance(file.content, Path):
                beside = FolderArchive(folder_of(file.content), self.plan.limits)
            if not (stem(file.name) in packed and is_index(file)):
                files = (name for name in islice(beside.names(), NAMES) if isinstance(name, str))
                lookup = FileLookup(files)
                yield self._table(file, beside, "", lookup, is_only=self.is_only)
        elif kind in ("zip", "tar"):
            yield from self._inner(file)
        elif kind != "image":
            raise no_source(file.name)

    def _inner(self, file: NamedFile) -> Iterator[Preview]:
        """Yield the tables of an archive."""
        if not self.archives:
            self.is_cut = True
            return
        self.archives -= 1
        archive: ZipArchive | TarArchive
        if kind_of(file) == "zip":
            archive = ZipArchive(file, self.plan.limits)
        elif file.start(6).startswith(tuple(COMPRESSED)):
            archive = TarArchive(NamedFile(file.name, file.start(HEAD_OF_TAR)), self.plan.limits)
        else:
            archive = TarArchive(file, self.plan.limits)
        with archive:
            yield from self._archive(archive)

    def _archive(self, archive: Archive) -> Iterator[Preview]:
        """Yield the tables among files, those that an import would read."""
        is_folder = isinstance(archive, FolderArchive)
        most = None if isinstance(archive, ZipArchive) else NAMES
        names = [name for name in islice(archive.names(), most) if isinstance(name, str)]
        self.is_cut = self.is_cut or len(names) == most
        left_out = export_companions(names, archive)
        names = [name for name in names if not (name in left_out or is_of_system(name))]
        images = [name for name in names if suffix(name) in INTAKE_SUFFIXES]
        files = FileLookup(names)
        packed = {stem(name) for name in names if suffix(name) in ARCHIVE_SUFFIXES}
        known, beside, folders = {*names}, set(map(stem, images)), set(map(dirname, images))
        is_tar = isinstance(archive, TarArchive)
        json = JsonMembers(archive, images, self.plan.limits, webdataset=is_tar)
        sides = SIDES
        for name in names:
            if not self.tables:
                self.is_cut = True
                return
            is_json = suffix(name) == ".json"
            is_text = is_text_table(archive, name, beside)
            if is_json and json.owner(name) is not None:
                sides -= 1
                if sides < 0 or not json.is_annotation(name):
                    continue
            elif not (is_text or is_json or suffix(name) in TABLE_SUFFIXES):
                continue
            if is_computed(name, known):
                continue
            try:
                file = self._member(archive, name)
            except IntakeError as error:
                yield Preview(table=name, format="file", problem=str(error))
                continue
            is_packed = stem(name) in packed or is_beside(name, folders, known)
            if not (is_packed and is_index(file)):
                found = self._table(file, archive, dirname(name), files)
                if not is_json or found.is_table or not found.problem:
                    yield found
        if is_folder:
            for name in names:
                if suffix(name) in ARCHIVE_SUFFIXES:
                    yield from self._quietly(archive, name)

    def _member(self, archive: Archive, name: str) -> NamedFile:
        """Return a table among files; of a text in an archive the beginning is enough."""
        limit = self.plan.limits.table_bytes
        if isinstance(archive, FolderArchive):
            return archive.file(name, limit if suffix(name) == ".json" else ANY)
        data = archive.head(name, HEAD + 1) if suffix(name) in {*TEXT_TABLES, ".txt"} else b""
        return NamedFile(name, data) if data else archive.file(name, limit)

    def _quietly(self, archive: Archive, name: str) -> Iterator[Preview]:
        """Yield the tables of an archive in a folder; the import tells what is wrong with it."""
        try:
            yield from self._inner(archive.file(name, ANY))
        except IntakeError:
            return

    def _table(
        self,
        file: NamedFile,
        beside: Archive,
        folder: str,
        files: FileLookup,
        *,
        is_only: bool = False,
    ) -> Preview:
        """Return the preview of a table, with the images that its names mean among `files`."""
        self.tables -= 1
        columns = self.plan.columns_in(file, is_only=is_only)
        limits = self.plan.limits
        found = preview_of(file, columns, limits, self.whole)
        if suffix(file.name) == ".json":
            self.whole -= min(file.size(), self.whole)
        path = found.columns.path

        def with_image(cell: Cell) -> Cell:
            return replace(cell, image=cell.image or _image_beside(cell, beside, folder, files))

        images = (replace(one, name=with_image(one.name)) for one in found.images)
        rows = ({**row, path: with_image(row[path])} if path else row for row in found.rows)
        return replace(found, images=tuple(images), rows=tuple(rows))


def _image_beside(cell: Cell, beside: Archive, folder: str, files: FileLookup) -> bytes | None:
    """Return a small image of the file that a table names, as an import finds it."""
    try:
        path = table_path(cell.text, folder=folder)
        found = files.find(path, folder).files
        path = found[0] if len(found) == 1 else path
        return small_image(beside.file(path, MOST_BYTES).read(MOST_BYTES))
    except IntakeError:
        return None
