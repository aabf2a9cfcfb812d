"""Several sources: loose files, tables, folders and archives that are about one another."""

from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import ExitStack
from itertools import chain
from itertools import count as count_from
from pathlib import Path
from posixpath import dirname

from blip2core.errors import IntakeError
from blip2core.file_names import stem, suffix
from blip2core.formats.files import (
    ARCHIVE_SUFFIXES,
    INTAKE_SUFFIXES,
    TABLE_KINDS,
    NamedFile,
    kind_of,
    looks_like_image,
)
from blip2core.intake.archive_reader import (
    KNOWN_SUFFIXES,
    ImageOrProblem,
    read_archive,
)
from blip2core.intake.archives import Archive, FolderArchive, GivenFiles, LooseFiles
from blip2core.intake.entries import EntriesByName
from blip2core.intake.given_places import GivenRows, Places, below, shown_name
from blip2core.intake.img2dataset import failed_rows, is_index
from blip2core.intake.read_plan import ReadPlan
from blip2core.intake.reading import CARRIERS, in_unit
from blip2core.intake.sources import ReadableSource, is_folder, name_of, named
from blip2core.intake.tars import TarArchive
from blip2core.intake.zips import ZipArchive
from blip2core.records import Problem

Placed = tuple[str, str, ImageOrProblem]
"""Where an image lies among all sources, where what it was given in lies, and the image."""
ReadOne = Callable[[ReadableSource, ReadPlan], Iterator[ImageOrProblem]]
WITH_IMAGES = INTAKE_SUFFIXES | ARCHIVE_SUFFIXES | CARRIERS
"""Endings of files that are or have images."""


def read_several(
    sources: Sequence[ReadableSource],
    rows: EntriesByName,
    plan: ReadPlan,
    places: Places,
    read_one: ReadOne,
) -> Iterator[Placed]:
    """Read loose files together with the folders and archives that have no images, whose tables
    are put into `rows`; then the others one by one.
    """
    loose: dict[str, tuple[NamedFile, str]] = {}
    with_images: list[ReadableSource] = []
    labels: dict[str, str] = {}
    archives: dict[str, Archive] = {}
    packed = {stem(name_of(one)) for one in sources if suffix(name_of(one)) in ARCHIVE_SUFFIXES}
    with ExitStack() as stack:
        files: list[NamedFile] = []
        for source in sources:
            try:
                kind = "folder" if is_folder(source) else kind_of(named(source))
                if kind in {"folder", "zip", "tar"}:
                    archive = (
                        _without_images(source, kind, plan, stack) if len(sources) > 1 else None
                    )
                    if archive is None:
                        with_images.append(source)
                    else:
                        label = _unused(shown_name(source), archives)
                        archives[label], labels[label] = archive, places.inside(source)
                elif (
                    kind in TABLE_KINDS
                    and stem(name_of(source)) in packed
                    and is_index(named(source))
                ):
                    for told in failed_rows(named(source), plan.limits):
                        yield "", "", told
                else:
                    file = named(source)
                    is_table = kind in TABLE_KINDS or kind == "json"
                    if is_table or not isinstance(source, NamedFile):
                        file = NamedFile(_unused(file.name, loose), file.content)
                    loose[file.name] = file, places.of(source)
                    files.append(file)
            except IntakeError as error:
                yield "", "", Problem(name=name_of(source), reason=str(error), about="source")

        def place(name: str) -> str:
            if name in loose:
                return loose[name][1]
            label, _, inner = name.partition("/")
            return below(labels[label], inner) if label in labels else name

        given = GivenFiles(LooseFiles(files), archives)
        for one in read_archive(given, plan, given=GivenRows(rows, place)):
            where = place(one.name)
            yield where, dirname(where) if where != one.name else "", one
    for source in with_images:
        inside = places.inside(source)
        try:
            for one in _read_whole(source, rows, plan, read_one):
                yield below(inside, one.name), inside, one
        except IntakeError as error:
            yield "", "", Problem(name=name_of(source), reason=str(error), about="source")


def _read_whole(
    source: ReadableSource, rows: EntriesByName, plan: ReadPlan, read_one: ReadOne
) -> Iterator[ImageOrProblem]:
    """Read one of several folders and archives; an archive is a unit of the reading."""
    if not is_folder(source):
        return in_unit(plan.reading, named(source), rows, lambda: read_one(source, plan))
    if plan.reading is not None:
        plan.reading.look_at(rows)
    return read_one(source, plan)


def _without_images(
    source: ReadableSource, kind: str, plan: ReadPlan, stack: ExitStack
) -> Archive | None:
    """Return a folder or archive of annotations, opened; None where it has images, or cannot be
    read, which is told where it is.
    """
    try:
        with ExitStack() as looked_at:  # the names of an archive are read once
            archive = _opened(source, kind, plan, looked_at)
            names = archive.names()
            first = next(names, None)
            if first is None or any(_has_images(archive, one) for one in chain([first], names)):
                return None
        return _opened(source, kind, plan, stack)
    except IntakeError:
        return None


def _opened(source: ReadableSource, kind: str, plan: ReadPlan, stack: ExitStack) -> Archive:
    if not isinstance(source, NamedFile) and kind == "folder":
        return FolderArchive(Path(source).expanduser(), plan.limits)
    if kind == "zip":
        return stack.enter_context(ZipArchive(named(source), plan.limits))
    return stack.enter_context(TarArchive(named(source), plan.limits))


def _has_images(archive: Archive, name: str | Problem) -> bool:
    """Return whether a file is an image or may have some inside; so may what is refused."""
    if isinstance(name, Problem):
        return True
    if suffix(name) in WITH_IMAGES or suffix(name) in KNOWN_SUFFIXES:
        return suffix(name) in WITH_IMAGES
    return looks_like_image(archive.head(name))


def _unused(name: str, taken: Container[str]) -> str:
    """Return a name that is not taken yet."""
    tried = (f"{stem(name)} ({count}){suffix(name)}" for count in count_from(2))
    return next(one for one in chain((name,), tried) if one not in taken)
