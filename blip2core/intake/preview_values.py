"""What a preview shows of a table, and what each of its columns is taken for."""

from __future__ import annotations

import io
import reprlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from blip2core.errors import ImageError, IntakeError
from blip2core.file_names import safe_name
from blip2core.formats.files import looks_like_image
from blip2core.formats.nested_texts import nested_texts
from blip2core.formats.rows import DETAILS, OF_TEXT, exported_origin
from blip2core.images import open_image
from blip2core.intake.columns import Columns, TableKind, answers_beside, find_columns
from blip2core.intake.image_check import thumbnail
from blip2core.intake.row_entries import data_of
from blip2core.intake.unused_columns import is_text_column
from blip2core.texts import APOSTROPHE_COLUMN, count_of

Role = Literal["image", "address", "text", "id", "page", "license", "data", "not used"]
"""What an import makes of a column."""
LONGEST_SHOWN = 160
"""Characters of a cell that are shown."""
LOOKED_AT = 2_000
"""Characters of a cell that are looked at, to make a line of it."""
SIDE = 96
"""Pixels of the longer side of a small image."""
MOST_BYTES, MOST_PIXELS = 20_000_000, 16_000_000
"""Bytes and pixels of an image that is made small for a preview, so that eight take a moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A cell of a table, to be shown. Its text is one line, and hostile: markup in it is escaped
    by whoever shows it.
    """

    text: str
    image: bytes | None = field(default=None, repr=False)
    """A small JPEG of the image in the cell, made here; no bytes of the table are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewImage:
    """An image as an annotation file names it, with its first texts."""

    name: Cell
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The beginning of a table or of an annotation file. All names and texts are hostile."""

    table: str
    """Its name, as `read` takes it in `columns`."""
    format: str
    """CSV, Parquet, COCO captions ..."""
    header: tuple[str, ...] = ()
    """Its columns; none of an annotation file."""
    columns: Columns = field(default_factory=Columns)
    """What they are, by what was said and by their names."""
    rows: tuple[Mapping[str, Cell], ...] = ()
    """The first rows."""
    data: frozenset[str] = frozenset()
    """Columns of numbers, and of what an export of this program says of its texts: they are kept
    with the texts where nothing else is made of them."""
    wordy: frozenset[str] = frozenset()
    """Columns that look like texts."""
    images: tuple[PreviewImage, ...] = ()
    """The first images of an annotation file."""
    others: tuple[str, ...] = ()
    """Names of other tables with the same columns."""
    problem: str = ""
    """Why nothing can be read of it; empty where something can."""
    notes: tuple[str, ...] = ()
    """What else is to be known of its beginning."""

    @property
    def is_table(self) -> bool:
        """Return whether it has columns, which somebody may say what they are."""
        return bool(self.header)

    @property
    def kind(self) -> TableKind | None:
        """Return what `read` takes in `columns` for all tables like this one, where none were said
        for the preview; None of an annotation file.
        """
        return TableKind(header=self.header, guessed=self.columns) if self.is_table else None

    def role(self, name: str, columns: Columns | None = None) -> Role:
        """Return what a column is, where `columns` are in the place of the guessed ones."""
        columns = columns or self.columns
        roles: dict[Role, tuple[str | None, ...]] = {
            "image": (columns.path,),
            "address": (columns.url,),
            "text": columns.texts,
            "page": (columns.page_url,),
            "license": (columns.license,),
            "id": (columns.id,),
            "data": (*self.data, *answers_beside(columns, self.header)),
        }
        return next((role for role, names in roles.items() if name in names), "not used")

    def problem_with(self, columns: Columns) -> str:
        """Return why nothing can be read with these columns; empty where something can."""
        try:
            find_columns(self.header, columns)
        except IntakeError as error:
            return str(error)
        return ""


def table_preview(
    table: str,
    format: str,
    header: Sequence[str],
    columns: Columns,
    rows: Sequence[Mapping[str, object]],
    *,
    problem: str = "",
    notes: Sequence[str] = (),
) -> Preview:
    """Return the preview of a table by its first rows."""
    found = {name for row in rows for name, _ in data_of(row, Columns())}
    found |= {name for row in rows for name in _of_export(row)} | ({APOSTROPHE_COLUMN} & {*header})
    wordy = {name for name in header if is_text_column(name, [row.get(name) for row in rows])}
    return Preview(
        table=table,
        format=format,
        header=tuple(header),
        columns=columns,
        rows=tuple({name: cell_of(row.get(name)) for name in header} for row in rows),
        data=frozenset(found),
        wordy=frozenset(wordy),
        problem=problem,
        notes=tuple(notes),
    )


def _of_export(row: Mapping[str, object]) -> Iterator[str]:
    """Yield the columns of a row in which an export says where its texts come from."""
    details = row.get(DETAILS)
    if exported_origin(row, "") is not None:
        yield from (name for name in OF_TEXT if name in row)
    elif isinstance(details, list) and any(
        isinstance(one, Mapping) and exported_origin(one, "") is not None for one in details
    ):
        yield DETAILS


def cell_of(value: object) -> Cell:
    """Return a cell to be shown: a small image where it holds one, else one short line."""
    data = next(_bytes_in(value), None)
    if data is not None:
        return Cell(text=f"{count_of(len(data), 'byte')}", image=small_image(data))
    path = value.get("path") if isinstance(value, Mapping) else None
    return Cell(text=one_line(path or value))


def one_line(value: object) -> str:
    """Return a value as one short line in which nothing is invisible; empty for none."""
    if value is None or value == "":
        return ""
    if isinstance(value, str):
        words = value
    elif isinstance(value, list | tuple | Mapping):
        several: list[str] = []
        for text in nested_texts(value):
            several.append(text[:LOOKED_AT])
            if len(several) == 10:
                break
        words = " | ".join(several) or reprlib.repr(value)
    else:
        words = reprlib.repr(value)
    words = " ".join(words[:LOOKED_AT].split())
    return safe_name(words, limit=LONGEST_SHOWN) if words else ""


def small_image(data: bytes) -> bytes | None:
    """Return a small JPEG of an image; None where it is none, or takes too long to open."""
    if len(data) > MOST_BYTES or not looks_like_image(data[:64]):
        return None
    try:
        small = thumbnail(open_image(data, max_pixels=MOST_PIXELS), SIDE)
    except ImageError:
        return None
    file = io.BytesIO()
    small.save(file, "JPEG", quality=80)
    return file.getvalue()


def _bytes_in(value: object, depth: int = 3) -> Iterator[bytes]:
    """Yield the bytes in a cell: bare, {"bytes": ..., "path": ...}, or a list of these."""
    if isinstance(value, bytes):
        yield value
    elif isinstance(value, Mapping) and depth:
        yield from _bytes_in(value.get("bytes"), depth - 1)
    elif isinstance(value, list | tuple) and depth:
        for one in value[:1]:
            yield from _bytes_in(one, depth - 1)
