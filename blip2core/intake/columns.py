"""The roles of a table's columns: which holds the image, a text, the address, the licence."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice, zip_longest

from blip2core.errors import IntakeError
from blip2core.file_names import safe_name
from blip2core.formats.annotated import MOST_DATA
from blip2core.formats.files import within
from blip2core.formats.nested_texts import listed_texts, nested_texts
from blip2core.formats.rows import DETAILS, exported_origin
from blip2core.intake.entries import Entry
from blip2core.intake.image_texts import FoundText, texts_of
from blip2core.intake.limits import Limits
from blip2core.intake.text_data import MOST_DIGITS
from blip2core.records import TextOrigin
from blip2core.texts import APOSTROPHE_COLUMN, clean_text

PATH_COLUMNS = (
    *(
        "file_name",
        "filename",
        "file",
        "image_name",
        "image_path",
        "file_path",
        "filepath",
        "path",
        "image_file",
    ),
    *("image", "img", "picture", "photo", "jpg", "jpeg", "png", "webp"),
)
URL_COLUMNS = ("url", "image_url", "img_url", "image_link", "src")
PAGE_COLUMNS = ("page_url", "page", "source_page", "page_link", "referrer", "website")
LICENSE_COLUMNS = ("license", "licence", "rights")
ID_COLUMNS = ("id", "uid", "key", "image_id", "caption_id", "ann_id", "annotation_id", "sample_id")
TEXT = re.compile(
    r"(web_?|(?!id_|is_|no_)[a-z]{2}_)?"
    r"(text|caption|prompt|title|alt|alt_?text|description|sentence|raw)s?"
    r"(_?\d+|_(?!id)[a-z]{2})?"
)
"""A name of a column of texts: caption, TEXT, alt_text, sentences, text 2, en_text, Caption EN."""
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
NO_DATA = frozenset({"width", "height", "size", "bytes", "original_width", "original_height"})
"""Numbers that tell of the image, which is measured here."""
URL = re.compile(r"(https?|ftp|file|data|s3|gs):", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Names of columns as the table spells them; None for what it does not have."""

    path: str | None = None
    """Path of the image relative to the table, or the image itself in Parquet."""
    url: str | None = None
    texts: tuple[str, ...] = ()
    page_url: str | None = None
    license: str | None = None
    id: str | None = None
    """Kept as data of the texts, as columns of numbers are."""
    complete: bool = False
    """These are all: no other column is guessed by its name, and no texts may mean none."""

    def named(self) -> tuple[str, ...]:
        """Return all columns that are read."""
        single = (self.path, self.url, self.page_url, self.license, self.id)
        return (*(name for name in single if name), *self.texts)


def find_columns(header: Sequence[str], wanted: Columns | None = None) -> Columns:
    """Return what each column of `header` is: as `wanted` says, else by its usual names.

    IntakeError where no column tells of images, or a wanted one is missing.
    """
    columns = with_wanted(guess_columns(header), wanted)
    there = set(header)
    missing = [name for name in columns.named() if name not in there]
    has = ", ".join(safe_name(name, limit=40) for name in header[:20]) or "none"
    if missing:
        raise IntakeError(f"There is no column {', '.join(missing)}; there are: {has}.")
    if not columns.path and not columns.url:
        raise IntakeError(
            "No column tells where the images are (file_name, path, image, url ...); "
            f"there are: {has}. Rename one, or name it."
        )
    return columns


def guess_columns(header: Sequence[str]) -> Columns:
    """Return what each column is by its usual names; the first of several that fit."""
    plain = {re.sub(r"[\s\-.]+", "_", name.strip().lower()): name for name in reversed(header)}

    def first(names: Iterable[str]) -> str | None:
        return next((plain[name] for name in names if name in plain), None)

    # Flickr30k's captions; elsewhere a comment is about a text rather than the image.
    of_flickr = {"comment"} if "comment_number" in plain else set()
    texts = tuple(
        plain[name] for name in reversed(plain) if TEXT.fullmatch(name) or name in of_flickr
    )
    return Columns(
        path=first(PATH_COLUMNS),
        url=first(URL_COLUMNS),
        texts=texts,
        page_url=first(PAGE_COLUMNS),
        license=first(LICENSE_COLUMNS),
        id=first(ID_COLUMNS),
    )


def columns_of(row: Mapping[str, object], wanted: Columns | None = None) -> Columns:
    """Return what each field of a row is, where every row has fields of its own.

    Raises IntakeError where none tells of an image.
    """
    columns = with_wanted(guess_columns(list(row)), wanted)
    present = replace(
        columns,
        url=columns.url if columns.url in row else None,
        texts=tuple(name for name in columns.texts if name in row),
        page_url=columns.page_url if columns.page_url in row else None,
        license=columns.license if columns.license in row else None,
        id=columns.id if columns.id in row else None,
    )
    if present.url and columns.path not in row:
        present = replace(present, path=None)
    return find_columns(list(row), present)


def with_wanted(guessed: Columns, wanted: Columns | None) -> Columns:
    """Return the guess with what was said in its place."""
    if wanted is None:
        return guessed
    if wanted.complete:
        return wanted
    if wanted.path or wanted.url:  # else a guessed address would stand beside a wanted path
        guessed = replace(guessed, path=None, url=None)
    said = {name: value for name, value in asdict(wanted).items() if value}
    return replace(guessed, **said)


def entry_of(row: Mapping[str, object], columns: Columns, where: str, limits: Limits) -> Entry:
    """Return one row as an entry, which may name no image.

    Raises IntakeError where its cells cannot be used.
    """
    path, data = _image(row.get(columns.path)) if columns.path else (None, None)
    within(data or b"", limits.image_bytes)
    url = _word(row.get(columns.url)) if columns.url else None
    if path and URL.match(path):
        path, url = None, url or path
    return Entry(
        where=where,
        path=path,
        url=url,
        data=data,
        found=texts_of(_found_texts(row, columns), where, limits),
        page_url=_word(row.get(columns.page_url)) if columns.page_url else None,
        license=_word(row.get(columns.license)) if columns.license else None,
    )


def _image(value: object) -> tuple[str | None, bytes | None]:
    """Return a path, or the bytes with the path they had: {"bytes": ..., "path": ...} or bare
    bytes.
    """
    if isinstance(value, bytes):
        return None, value or None
    if isinstance(value, Mapping):
        data, path = value.get("bytes"), value.get("path")
        return _word(path), data if isinstance(data, bytes) and data else None
    return _word(value), None


def _word(value: object) -> str | None:
    """Return a short text, cleaned; None where it is empty or something else."""
    if not isinstance(value, str):
        return None
    if len(value) > 4_000:
        raise IntakeError(f"A path, address or licence has {len(value):,} characters.")
    return clean_text(value) or None


def _found_texts(row: Mapping[str, object], columns: Columns) -> Iterator[FoundText]:
    data = dict(islice(data_of(row, columns), MOST_DATA))
    for name in columns.texts:
        cell = row.get(name)
        is_ours = "text_data" in row or APOSTROPHE_COLUMN in row  # where a text stands as it is
        found = list(nested_texts(cell if is_ours else listed_texts(cell)))
        of_row = exported_origin(row, name) or TextOrigin(place=name, data=data)
        details = row.get(DETAILS)
        own = details if isinstance(details, list) and len(details) == len(found) else ()
        for text, said in zip_longest(found, own):  # said of each text in a list, or in the row
            origin = exported_origin(said, name) if isinstance(said, Mapping) else of_row
            yield text, origin or TextOrigin(place=name, data=data)


def data_of(row: Mapping[str, object], columns: Columns) -> Iterator[tuple[str, object]]:
    """Yield the id of a row, and the columns that hold numbers."""
    used = {*columns.named()} - {columns.id}
    for name, value in row.items():
        if name in used or name.strip().lower() in NO_DATA:
            continue
        is_id = name == columns.id and isinstance(value, str) and 0 < len(value) <= 200
        if is_id or isinstance(value, bool | int | float):
            yield name, value
        elif isinstance(value, str) and len(value) <= MOST_DIGITS and NUMBER.fullmatch(value):
            yield name, _number(value)


def _number(value: str) -> int | float:
    try:
        return int(value)
    except ValueError:
        return float(value)
