"""The roles of a table's columns: which holds the image, a text, the address, the licence."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from blip2core.errors import IntakeError
from blip2core.intake.entries import Entry, clean_texts
from blip2core.intake.files import within
from blip2core.intake.limits import Limits
from blip2core.intake.names import safe_name
from blip2core.intake.nested_texts import nested_texts
from blip2core.texts import clean_text

PATH_COLUMNS = (
    *("file_name", "filename", "file", "image_path", "file_path", "filepath", "path", "image_file"),
    *("image", "img", "picture", "photo", "jpg", "jpeg", "png", "webp"),
)
URL_COLUMNS = ("url", "image_url", "img_url", "image_link", "src")
PAGE_COLUMNS = ("page_url", "page", "source_page", "page_link", "referrer", "website")
LICENSE_COLUMNS = ("license", "licence", "rights")
TEXT = re.compile(r"(web_?)?(text|caption|alt|alt_?text|description|sentence)s?_?\d*")
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

    def named(self) -> tuple[str, ...]:
        """Return all columns that are read."""
        single = (self.path, self.url, self.page_url, self.license)
        return (*(name for name in single if name), *self.texts)


def find_columns(header: Sequence[str], wanted: Columns | None = None) -> Columns:
    """Return what each column of `header` is: as `wanted` says, else by its usual names.

    IntakeError where no column tells of images, or a wanted one is missing.
    """
    columns = wanted or guess_columns(header)
    missing = [name for name in columns.named() if name not in header]
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

    texts = tuple(plain[name] for name in reversed(plain) if TEXT.fullmatch(name))
    return Columns(
        path=first(PATH_COLUMNS),
        url=first(URL_COLUMNS),
        texts=texts,
        page_url=first(PAGE_COLUMNS),
        license=first(LICENSE_COLUMNS),
    )


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
        texts=clean_texts(nested_texts([row.get(name) for name in columns.texts]), limits),
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
