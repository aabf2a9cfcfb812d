"""read(): images with their texts out of whatever somebody has, one at a time."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from types import NoneType

from blip2core.arguments import check_kind
from blip2core.errors import IntakeError
from blip2core.file_names import safe_name, stem, suffix
from blip2core.formats.files import ARCHIVE_SUFFIXES, TABLE_KINDS, NamedFile, kind_of
from blip2core.intake.archive_reader import (
    ImageOrProblem,
    ReadPlan,
    may_be_image,
    placed,
    read_archive,
    read_entries,
)
from blip2core.intake.archives import Archive, FolderArchive, LooseFiles
from blip2core.intake.brief_problems import briefly
from blip2core.intake.columns import SaidColumns, check_columns
from blip2core.intake.downloads import Downloads
from blip2core.intake.entries import EntriesByName, Entry, image, with_entry
from blip2core.intake.file_lookup import FileLookup
from blip2core.intake.image_texts import RefusedTexts, texts_of
from blip2core.intake.img2dataset import failed_rows, is_index
from blip2core.intake.json_members import JsonMembers, json_names
from blip2core.intake.limits import Limits
from blip2core.intake.links import folder_of
from blip2core.intake.metadata_texts import MetadataTexts
from blip2core.intake.reading import CARRIERS, Reading, in_unit
from blip2core.intake.remote_sources import has_addresses, read_fetched
from blip2core.intake.sources import (
    SOURCES,
    ReadableSource,
    Texts,
    check_texts,
    checked_list,
    is_folder,
    name_of,
    named,
    no_source,
)
from blip2core.intake.storages import Storages
from blip2core.intake.tables import table_entries
from blip2core.intake.tars import TarArchive
from blip2core.intake.zips import ZipArchive
from blip2core.records import Problem, TextOrigin, Told, WebImage
from blip2core.texts import clean_text

NO_FILES = LooseFiles(())


def read(
    source: ReadableSource | Sequence[ReadableSource],
    *,
    texts: Texts | None = None,
    columns: SaidColumns | None = None,
    download: Downloads | None = None,
    limits: Limits | None = None,
    root: str | Path | None = None,
    metadata_texts: bool = True,
    storages: Storages | None = None,
    reading: Reading | None = None,
) -> Iterator[ImageOrProblem]:
    """Return the images of a source, and a Problem for each that cannot be used.

    A source is a folder, an image, a zip or tar archive, a table (CSV, TSV, JSONL, Parquet), or
    several of these; its bytes tell which. The images themselves are not decoded: `check_image`
    does that.

    `texts`: more texts by the names of images, or a table of them. `columns`: which column is
    what, where names do not tell; for all tables, or by the name or the `Preview.kind` of each.
    `download`: None leaves addresses alone. `root`: the folder that the paths of a table may reach
    into, instead of the table's own. Tables among several files reach the others by name, and
    nothing else.
    `metadata_texts`: whether texts inside the image files (EXIF, IPTC, XMP, PNG) are taken too.
    `storages`: None reads nothing at an address such as s3://bucket/folder; never anything else for
    addresses that strangers give. `reading`: is told how far this is, and knows which archives need
    not be read again. IntakeError where the only source cannot be read.
    """
    source = _checked(source, texts, columns, storages)
    limits = limits or Limits()
    if storages is not None and has_addresses(source):
        again = partial(
            read,
            texts=texts,
            columns=columns,
            download=download,
            limits=limits,
            root=root,
            metadata_texts=metadata_texts,
            reading=reading,
        )
        return read_fetched(
            source,
            storages,
            limits,
            lambda brought: again(brought) if brought or texts is not None else iter(()),
        )
    plan = ReadPlan(columns=columns, download=download, limits=limits, reading=reading)
    metadata = MetadataTexts(limits) if metadata_texts else None
    if reading is not None:
        _begin(reading, source, plan, metadata)
    rows = EntriesByName()
    problems = list(_add_texts(rows, texts, plan))
    if reading is not None:
        reading.look_at(rows)
    if isinstance(source, str | Path | NamedFile):
        found = _read_one(source, plan, root)
    else:
        found = _read_several(source, rows, plan)
    images = _with_rows(
        chain(problems, found), rows, plan, lambda: _image_names(source, plan, root)
    )
    return briefly(_complete(images, metadata))


def _checked(
    source: ReadableSource | Sequence[ReadableSource],
    texts: object,
    columns: object,
    storages: object,
) -> ReadableSource | Sequence[ReadableSource]:
    """Return the source, several as a list. Raises IntakeError where an argument is none."""
    if not isinstance(source, str | Path | NamedFile):
        source = checked_list(source)
        if not source and texts is None:
            raise IntakeError(f"{SOURCES}; got an empty list.")
    check_texts(texts)
    check_columns(columns)
    expected = "storages of read are Storages(), or None"
    check_kind(storages, (Storages, NoneType), expected, IntakeError)
    return source


def _begin(
    reading: Reading,
    source: ReadableSource | Sequence[ReadableSource],
    plan: ReadPlan,
    metadata: MetadataTexts | None,
) -> None:
    """Tell a reading what is read, and all that decides what is found there."""
    sources = [source] if isinstance(source, str | Path | NamedFile) else source
    settings = (plan.columns, plan.download is not None, plan.limits, metadata is not None)
    reading.begin(sources, settings, plan.limits.members)
    reading.left = metadata.taken if metadata is not None else None


def _with_rows(
    found: Iterable[ImageOrProblem],
    rows: EntriesByName,
    plan: ReadPlan,
    image_names: Callable[[], Iterable[str]],
) -> Iterator[ImageOrProblem]:
    """Yield images with the texts that were given apart; then what is left of these.

    Where a row may mean an image of another name, which one is decided among all `image_names`.
    """
    matched = 0
    for one in found:
        if not isinstance(one, WebImage):
            yield one
            continue
        if plan.reading is not None:
            plan.reading.count(len(one.data))
        if matched != len(rows) and rows.may_match(one.name):
            yield from rows.match(image_names(), plan.limits)
            matched = len(rows)
        yield with_entry(one, rows.find(one.name), plan.limits)
    yield from rows.told()
    yield from read_entries(rows.rest(), NO_FILES, plan)
    if plan.reading is not None:
        plan.reading.bytes = plan.reading.total_bytes


def _complete(
    found: Iterable[ImageOrProblem], metadata: MetadataTexts | None
) -> Iterator[ImageOrProblem]:
    """Yield images with the texts in their files, those that cannot be used before the image; at
    the end what else was seen in the files.
    """
    refused = RefusedTexts()
    for one in found:
        if not isinstance(one, WebImage):
            yield one
            continue
        whole = metadata.added(one) if metadata is not None else one
        yield from refused.told_apart(whole.refused)
        yield replace(whole, refused=())
    yield from refused.told()
    yield from metadata.taken() if metadata is not None else ()


def _image_names(
    source: ReadableSource | Sequence[ReadableSource], plan: ReadPlan, root: str | Path | None
) -> Iterator[str]:
    """Yield the names of the images that `source` has; it is read for them, but nothing is
    downloaded.
    """
    plan = replace(plan, download=None, reading=None)
    if isinstance(source, str | Path | NamedFile):
        found = _read_one(source, plan, root)
    else:
        found = _read_several(source, EntriesByName(), plan)
    yield from (one.name for one in found if isinstance(one, WebImage))


def _read_one(
    source: ReadableSource, plan: ReadPlan, root: str | Path | None = None
) -> Iterator[ImageOrProblem]:
    """Read one source. What is wrong with all of it is raised here, not at the first image."""
    if not isinstance(source, NamedFile) and is_folder(source):
        return _read_folder(Path(source).expanduser(), plan)
    file = named(source)
    kind = kind_of(file)
    if kind == "image":
        data = file.read(plan.limits.image_bytes)
        return iter([image(file.name, data)])
    if kind in TABLE_KINDS or kind == "json":
        return _read_table(file, plan, root)
    return _read_archive(file, plan)


def _read_folder(folder: Path, plan: ReadPlan) -> Iterator[ImageOrProblem]:
    archive = FolderArchive(folder, plan.limits)
    return read_archive(archive, plan, read_inner=lambda file: _read_archive(file, plan))


def _read_archive(file: NamedFile, plan: ReadPlan) -> Iterator[ImageOrProblem]:
    if not file.start(1):
        raise IntakeError(f"{safe_name(file.name)} is empty.")
    kind = kind_of(file)
    if kind == "zip":
        return _read_zip(file, plan)
    if kind == "tar":
        return _read_tar(file, plan)
    raise no_source(file.name)


def _read_zip(file: NamedFile, plan: ReadPlan) -> Iterator[ImageOrProblem]:
    with ZipArchive(file, plan.limits) as archive:
        yield from read_archive(archive, plan)


def _read_tar(file: NamedFile, plan: ReadPlan) -> Iterator[ImageOrProblem]:
    with TarArchive(file, plan.limits) as archive:
        yield from read_archive(archive, plan, webdataset=True)


def _read_table(
    file: NamedFile, plan: ReadPlan, root: str | Path | None
) -> Iterator[ImageOrProblem]:
    """Return the images that a table names; its paths start at its folder and end inside `root`."""
    archive: Archive = NO_FILES
    folder = ""
    if isinstance(file.content, Path):
        parent = folder_of(file.content)
        top = Path(root).expanduser().resolve() if root is not None else parent
        if not parent.is_relative_to(top):
            raise IntakeError(f"{safe_name(file.name)} does not lie in {top}; move it there.")
        archive, folder = FolderArchive(top, plan.limits), parent.relative_to(top).as_posix()
    entries = table_entries(file, plan.columns_in(file), plan.limits)
    found = (placed(entry, folder, plan.limits.depth) for entry in entries)
    return read_entries(_with_files(found, archive, plan.limits), archive, plan)


def _with_files(
    entries: Iterable[Entry | Told], archive: Archive, limits: Limits
) -> Iterator[Entry | Told]:
    """Yield entries with the paths of their files. The files are listed only where a name has to be
    looked up among them.
    """
    rows = EntriesByName()
    for entry in entries:
        if not isinstance(entry, Entry) or entry.data is not None:
            yield entry
        else:
            rows.add(entry, limits)
    paths = [row.path for row in rows.rest() if row.path]
    there = [path for path in paths if archive.has(path)]
    if len(there) < len(paths) or rows.has_twins():
        names = [name for name in archive.names() if isinstance(name, str) and may_be_image(name)]
        lookup = FileLookup(names)
        # Not every file is listed: hidden ones are not, nor those beyond the limit.
        names += [path for path in there if not lookup.has_whole(path)]
        yield from rows.match(names, limits)
    yield from rows.rest()


def _read_several(
    sources: Iterable[ReadableSource], rows: EntriesByName, plan: ReadPlan
) -> Iterator[ImageOrProblem]:
    """Read folders and archives one by one and loose files together; tables are put into `rows`,
    and beside folders and archives annotation files, too.
    """
    loose: list[NamedFile] = []
    images: list[str] = []
    rest: list[ReadableSource] = []
    sources = list(sources)
    archives = {stem(name_of(one)) for one in sources if suffix(name_of(one)) in ARCHIVE_SUFFIXES}
    for source in sources:
        try:
            kind = "folder" if is_folder(source) else kind_of(named(source))
            if (
                kind in TABLE_KINDS
                and stem(name_of(source)) in archives
                and is_index(named(source))
            ):
                yield from failed_rows(named(source), plan.limits)
            elif kind in TABLE_KINDS:
                reading = plan.reading if suffix(name_of(source)) in CARRIERS else None
                texts = partial(_add_texts, rows, source, plan)
                yield from in_unit(reading, named(source), rows, texts)
            elif kind in {"folder", "zip", "tar"}:
                rest.append(source)
            else:
                loose.append(named(source))
                images += [loose[-1].name] if kind == "image" else []
        except IntakeError as error:
            yield Problem(name=name_of(source), reason=str(error), about="source")
    if rest:
        given = LooseFiles(loose)
        annotations = JsonMembers(given, images, plan.limits, webdataset=False)
        for _, entries in annotations.entries(
            json_names(name for name in given.names() if isinstance(name, str)), plan.columns_in
        ):
            yield from _add_entries(rows, entries, plan)
        loose = [file for file in loose if file.name not in annotations.used]
    yield from read_archive(LooseFiles(loose), plan)
    for source in rest:
        try:
            yield from _read_whole(source, rows, plan)
        except IntakeError as error:
            yield Problem(name=name_of(source), reason=str(error), about="source")


def _read_whole(
    source: ReadableSource, rows: EntriesByName, plan: ReadPlan
) -> Iterator[ImageOrProblem]:
    """Read one of several folders and archives; an archive is a unit of the reading."""
    if not is_folder(source):
        return in_unit(plan.reading, named(source), rows, lambda: _read_one(source, plan))
    if plan.reading is not None:
        plan.reading.look_at(rows)
    return _read_one(source, plan)


def _add_texts(
    rows: EntriesByName, texts: Texts | None, plan: ReadPlan
) -> Iterator[ImageOrProblem]:
    """Keep texts under the names of their images; yield the images that a table carries."""
    if isinstance(texts, Mapping):
        for name, several in texts.items():
            given = ((text, TextOrigin()) for text in several)
            entry = Entry(where=name, path=name, found=texts_of(given, name, plan.limits))
            if clean_text(name):
                rows.add(entry, plan.limits)
            else:
                reason = "No image can have this name, so its texts were not used."
                yield Problem(
                    name="texts without a name",
                    reason=reason,
                    about="text without image",
                    texts=entry.found.read,
                )
    elif texts is not None:
        table = named(texts)
        entries = table_entries(table, plan.columns_in(table), plan.limits)
        yield from _add_entries(rows, entries, plan)


def _add_entries(
    rows: EntriesByName, entries: Iterable[Entry | Told], plan: ReadPlan
) -> Iterator[ImageOrProblem]:
    """Keep entries under the names of their images; yield the images that they carry."""
    for entry in entries:
        found = placed(entry, "", plan.limits.depth)
        if not isinstance(found, Entry):
            yield found
        elif found.data is not None:
            yield image(found.name, found.data, found)
        else:
            rows.add(found, plan.limits)
