"""read(): images with their texts out of whatever somebody has, one at a time."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from types import NoneType

from blip2core.arguments import check_kind
from blip2core.errors import IntakeError
from blip2core.file_names import safe_name
from blip2core.formats.files import TABLE_KINDS, NamedFile, kind_of
from blip2core.intake.archive_reader import (
    ImageOrProblem,
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
from blip2core.intake.given_places import GivenRows, Places, below
from blip2core.intake.image_texts import RefusedTexts, texts_of
from blip2core.intake.limits import Limits
from blip2core.intake.links import folder_of
from blip2core.intake.metadata_texts import MetadataTexts
from blip2core.intake.read_plan import ReadPlan
from blip2core.intake.reading import Reading
from blip2core.intake.remote_sources import has_addresses, read_fetched
from blip2core.intake.several_sources import Placed, read_several
from blip2core.intake.sources import (
    SOURCES,
    ReadableSource,
    Texts,
    check_settings,
    check_texts,
    checked_list,
    is_folder,
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
    check_settings(download=download, limits=limits, root=root, metadata_texts=metadata_texts)
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
    sources = [source] if isinstance(source, str | Path | NamedFile) else source
    beside = [texts] if isinstance(texts, str | Path | NamedFile) else []
    places = Places([*sources, *beside])
    rows = EntriesByName()
    problems = list(_add_texts(rows, texts, plan, places))
    if reading is not None:
        reading.look_at(rows)
    found = _read_all(source, rows, plan, places, root)
    images = _with_rows(
        chain(((one.name, "", one) for one in problems), found),
        rows,
        plan,
        lambda: _image_names(source, plan, root, places),
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
    found: Iterable[Placed],
    rows: EntriesByName,
    plan: ReadPlan,
    image_names: Callable[[], Mapping[str, str]],
) -> Iterator[ImageOrProblem]:
    """Yield images with the texts that were given apart; then what is left of these.

    Which image a row means is decided among all `image_names`.
    """
    matched = 0
    for place, _, one in found:
        if not isinstance(one, WebImage):
            yield one
            continue
        if plan.reading is not None:
            plan.reading.count(len(one.data))
        if matched != len(rows):
            yield from rows.match(image_names(), plan.limits)
            matched = len(rows)
        yield with_entry(one, rows.find(place), plan.limits)
    yield from rows.told()
    yield from read_entries(rows.rest(), NO_FILES, plan)
    yield from plan.unasked()
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
    source: ReadableSource | Sequence[ReadableSource],
    plan: ReadPlan,
    root: str | Path | None,
    places: Places,
) -> dict[str, str]:
    """Return the images that `source` has, each with what it was given in; nothing is downloaded,
    and of images in files nothing is read.
    """
    plan = replace(plan, download=None, reading=None, only_names=True)
    found = _read_all(source, EntriesByName(), plan, places, root)
    return {place: inside for place, inside, one in found if isinstance(one, WebImage)}


def _read_all(
    source: ReadableSource | Sequence[ReadableSource],
    rows: EntriesByName,
    plan: ReadPlan,
    places: Places,
    root: str | Path | None,
) -> Iterator[Placed]:
    """Read one source, or several together, which may put rows about others into `rows`."""
    if not isinstance(source, str | Path | NamedFile):
        return read_several(source, rows, plan, places, _read_one)
    inside, found = places.inside(source), _read_one(source, plan, root)
    return ((below(inside, one.name), inside, one) for one in found)


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
        archive = FolderArchive(top, plan.limits)
        folder = "" if parent == top else parent.relative_to(top).as_posix()
    entries = table_entries(file, plan.columns_in(file, is_only=True), plan.limits)
    found = (placed(entry, folder, plan.limits.depth) for entry in entries)
    return read_entries(_with_files(found, archive, folder, plan.limits), archive, plan)


def _with_files(
    entries: Iterable[Entry | Told], archive: Archive, folder: str, limits: Limits
) -> Iterator[Entry | Told]:
    """Yield entries of a table in `folder` with the paths of their files. The files are listed only
    where a name has to be looked up among them.
    """
    rows = EntriesByName()
    for entry in entries:
        if not isinstance(entry, Entry) or entry.data is not None:
            yield entry
        else:
            rows.add(entry, limits, folder)
    paths = [row.path for row in rows.rest() if row.path]
    there = [path for path in paths if archive.has(path)]
    if len(there) < len(paths) or rows.has_twins():
        names = [name for name in archive.names() if isinstance(name, str) and may_be_image(name)]
        lookup = FileLookup(names)
        # Not every file is listed: hidden ones are not, nor those beyond the limit.
        names += [path for path in there if not lookup.has_whole(path)]
        yield from rows.match(names, limits)
    yield from rows.rest()


def _add_texts(
    rows: EntriesByName, texts: Texts | None, plan: ReadPlan, places: Places
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
        table, where = named(texts), places.of(texts)
        entries = table_entries(table, plan.columns_in(table), plan.limits)
        beside = GivenRows(rows, lambda name: where)
        for one in entries:
            found = placed(one, "", plan.limits.depth)
            if not isinstance(found, Entry):
                yield found
            elif found.data is not None:
                yield image(found.name, found.data, found)
            else:
                beside.add(found, table.name, plan.limits)
