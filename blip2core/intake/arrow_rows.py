"""The rows of tables with typed columns (Parquet, Arrow), with images within or beside them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from posixpath import dirname
from typing import Any

from blip2core.errors import IntakeError
from blip2core.file_names import safe_name
from blip2core.formats.annotated import TableRow
from blip2core.formats.arrow import arrow_batches, arrow_schema
from blip2core.formats.files import NamedFile
from blip2core.formats.parquet import arrow_errors, parquet_batches, parquet_schema, row_of
from blip2core.formats.rows import DETAILS, OF_TEXT
from blip2core.intake.columns import (
    Columns,
    answers_beside,
    find_columns,
    guess_columns,
    said_of,
    with_wanted,
)
from blip2core.intake.first_rows import first_rows
from blip2core.intake.img2dataset import STATUS_COLUMNS
from blip2core.texts import count_of

READERS = {
    "parquet": (parquet_schema, parquet_batches),
    "arrow": (arrow_schema, arrow_batches),
}
"""Kind of a file -> what reads its columns, and its rows."""
IMAGE_COLUMNS = (
    *("image", "images", "img", "picture", "photo", "jpg", "jpeg", "png", "webp"),
    *("image_bytes", "img_bytes", "image_data", "bytes", "content"),
)
"""Names of columns whose bytes are images, the most usual first."""
KEPT_COLUMNS = frozenset({*STATUS_COLUMNS, *OF_TEXT, DETAILS})
"""What img2dataset says of a row, and what an export says of a text."""
UNUSED_ROWS = 16
"""Rows of which the columns that are not used are looked at."""
ABSOLUTE = re.compile(r"[/\\]|[A-Za-z]:[/\\]")
"""How a path begins that is one of another machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Roles:
    """What of a table is read."""

    columns: Columns
    name: str | None
    """The column that names the images which `columns.path` holds."""
    unread: tuple[str, ...]
    """Other columns that hold images."""
    beside: tuple[str, ...] = ()
    """Columns of answers, of numbers, kept as data of the texts, and of img2dataset's status."""

    def read(self) -> list[str]:
        """Return the columns that are read, each once."""
        named = (*self.columns.named(), *filter(None, [self.name]), *self.beside)
        return list(dict.fromkeys(named))


def arrow_rows(
    file: NamedFile, kind: str, wanted: Columns | None
) -> tuple[Iterator[TableRow], Columns]:
    """Return the rows of a Parquet or Arrow file, and which column is what.

    Images within the table win over names and addresses beside them, which become their names. A
    row with several images comes once for each of them, with all its texts. Raises IntakeError
    where the file is damaged, or has no images.
    """
    schema_of, batches_of = READERS[kind]
    schema = schema_of(file)
    with arrow_errors(kind.capitalize()):  # names that are not UTF-8
        wanted = said_of(schema.names, wanted)
        _check_names(schema.names, with_wanted(guess_columns(schema.names), wanted).named())
        roles = _roles(schema, wanted)
        _check_names(schema.names, roles.read())
    return _rows(batches_of(file, roles.read()), roles, file, kind), roles.columns


def unused_rows(
    file: NamedFile, kind: str, wanted: Columns | None
) -> Iterator[Mapping[str, object]]:
    """Yield a few first rows of the columns that are not used and whose type is one of texts.

    None where the file is damaged, which `arrow_rows` tells.
    """
    schema = READERS[kind][0](file)
    try:
        with arrow_errors(kind.capitalize()):
            used = _roles(schema, said_of(schema.names, wanted)).read()
            names = [
                column.name
                for column in schema
                if _may_hold_texts(column.type)
                and column.name not in used
                and schema.names.count(column.name) == 1
            ]
    except IntakeError:
        return
    yield from first_rows(file, kind, names, UNUSED_ROWS)[0] if names else ()


def _may_hold_texts(type: Any) -> bool:
    """Return whether cells of a type may be texts, lists of texts or objects with texts."""
    from pyarrow import types

    if types.is_struct(type):
        return any(_may_hold_texts(type.field(index).type) for index in range(len(type)))
    if hasattr(type, "value_type"):  # lists, dictionaries
        return _may_hold_texts(type.value_type)
    return any(
        is_kind(type) for is_kind in (types.is_string, types.is_large_string, types.is_string_view)
    )


def _roles(schema: Any, wanted: Columns | None) -> _Roles:
    guessed = guess_columns(schema.names)
    holders = _holders(schema, is_other_known=bool(guessed.path or guessed.url))
    images = replace(guessed, path=holders[0] if holders else guessed.path)
    columns = find_columns(schema.names, with_wanted(images, wanted))
    path = columns.path
    _check_names(schema.names, [path] if path else [])
    is_held = path is not None and _holds_image(schema.field(path).type) is not None
    return _Roles(
        columns=columns,
        name=guessed.path if is_held and guessed.path not in (*holders, path) else None,
        unread=() if wanted and wanted.path else tuple(name for name in holders if name != path),
        beside=(*answers_beside(columns, schema.names), *_beside(schema)),
    )


def _beside(schema: Any) -> Iterator[str]:
    """Yield the columns of numbers and `KEPT_COLUMNS`, but those whose name is not their own."""
    from pyarrow import types

    for column in schema:
        is_number = types.is_integer(column.type) or types.is_floating(column.type)
        is_kept = is_number or types.is_boolean(column.type) or column.name in KEPT_COLUMNS
        if is_kept and schema.names.count(column.name) == 1:
            yield column.name


def _holders(schema: Any, *, is_other_known: bool) -> list[str]:
    """Return the columns that hold images, those with usual names first.

    Where a column tells where images are (`is_other_known`), bare bytes under another name are
    something else: a hash, an embedding. An image of `datasets` is one under any name.
    """
    usual = {name: place for place, name in enumerate(IMAGE_COLUMNS)}
    found: dict[str, int] = {}
    for column in schema:
        place = usual.get(column.name.strip().lower())
        holds = _holds_image(column.type)
        if holds == "object" or (holds == "bytes" and (place is not None or not is_other_known)):
            found[column.name] = len(usual) if place is None else place
    return sorted(found, key=lambda name: found[name])


def _holds_image(type: Any) -> str | None:
    """Return "bytes", "object" ({"bytes": ..., "path": ...}), or None for what holds no image; of
    lists, what is in them.
    """
    from pyarrow import types

    if types.is_list(type) or types.is_large_list(type) or types.is_fixed_size_list(type):
        return _holds_image(type.value_type)
    if types.is_dictionary(type):
        return _holds_image(type.value_type)
    if types.is_struct(type):
        inner = {type.field(index).name: type.field(index).type for index in range(len(type))}
        return "object" if "bytes" in inner and _holds_image(inner["bytes"]) == "bytes" else None
    is_bytes = types.is_binary(type) or types.is_large_binary(type) or types.is_binary_view(type)
    return "bytes" if is_bytes else None


def _rows(batches: Iterator[Any], roles: _Roles, file: NamedFile, kind: str) -> Iterator[TableRow]:
    number, notes = 0, _Notes()
    folder = dirname(file.name) if kind == "arrow" else ""  # its last part is the split
    try:
        for batch in batches:
            for index in range(batch.num_rows):
                number += 1
                row = row_of(batch, index, roles.read())
                if isinstance(row, IntakeError):
                    yield number, row
                    continue
                images = list(_images(row, roles, f"{file.name}, row {number}", folder))
                notes.add(images, roles.columns.path)
                yield from ((number, image) for image in images)
    except IntakeError as error:
        before = f" {count_of(number, 'row')} before the damage came in." if number else ""
        yield number + 1, IntakeError(f"{error}{before}")
    yield from ((0, IntakeError(said)) for said in notes.said(roles))


@dataclass(slots=True)
class _Notes:
    """What is to be told of a whole table."""

    several: int = 0
    """Rows with several images."""
    elsewhere: int = 0
    """Images of which the table has but a path on another machine."""

    def add(self, images: Sequence[Mapping[str, object]], path: str | None) -> None:
        """Count the images of one row."""
        self.several += len(images) > 1
        names = [image[path] for image in images if path]
        self.elsewhere += sum(
            isinstance(name, str) and bool(ABSOLUTE.match(name)) for name in names
        )

    def said(self, roles: _Roles) -> Iterator[str]:
        if self.several:
            yield (
                f"{count_of(self.several, 'row')} had several images: each of these came in with "
                "all the texts of its row."
            )
        if self.elsewhere:
            yield (
                f"{count_of(self.elsewhere, 'image')} {'is' if self.elsewhere == 1 else 'are'} "
                "named by paths on the machine that wrote the table. Those not found here by name: "
                "import their folder too, or write the table with save_to_disk of `datasets`, "
                "which puts them in."
            )
        if roles.unread:
            names = ", ".join(map(safe_name, roles.unread))
            yield f"Not read, though they may hold images: {names}; name one instead."


def _images(
    row: dict[str, object], roles: _Roles, where: str, folder: str
) -> Iterator[dict[str, object]]:
    """Yield the row once for each of its images, with the name that this one has."""
    path = roles.columns.path
    if path is None:
        yield row
        return
    cell = row[path]
    images = cell if isinstance(cell, list) else [cell]
    beside = row[roles.name] if roles.name else None
    for place, image in enumerate(images or [None], start=1):
        own = image.get("path") if isinstance(image, Mapping) else None
        data = image.get("bytes") if isinstance(image, Mapping) else image
        if not isinstance(data, bytes) or not data:
            yield {**row, path: beside or own or (image if isinstance(image, str) else None)}
            continue
        name = own or beside
        if name is None or (own is None and len(images) > 1):
            name = f"{name or where}, image {place}" if len(images) > 1 else None
        yield {**row, path: {"bytes": data, "path": name and _below(folder, str(name))}}


def _below(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder and not name.startswith(f"{folder}/") else name


def _check_names(names: Sequence[str], columns: Sequence[str]) -> None:
    for name in columns:
        if names.count(name) > 1:
            raise IntakeError(f"Several columns are called {safe_name(name)}; rename them.")
