"""A table of images -> its entries, whatever format it has."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, Literal

from blip2core.errors import IntakeError
from blip2core.file_names import safe_name
from blip2core.formats import OF_ROWS, Format, format_of
from blip2core.formats.annotated import TableRow
from blip2core.formats.csv import csv_header, csv_rows
from blip2core.formats.files import FileKind, NamedFile, kind_of
from blip2core.formats.jsonl import jsonl_rows
from blip2core.formats.label_studio import LABEL_STUDIO_MIN
from blip2core.formats.split_files import is_left_out
from blip2core.intake.annotation_files import (
    NotUsed,
    annotated_entries,
    entries_of,
    flickr_entries,
    read_document,
    too_many,
)
from blip2core.intake.arrow_rows import IMAGE_COLUMNS, arrow_rows, unused_rows
from blip2core.intake.columns import Columns, columns_of, find_columns, guess_columns
from blip2core.intake.companions import what_it_is
from blip2core.intake.entries import Entry, merged
from blip2core.intake.image_texts import texts_of
from blip2core.intake.img2dataset import KEY, FailedRows
from blip2core.intake.limits import Limits
from blip2core.intake.question_files import QuestionFiles
from blip2core.intake.row_entries import entry_of, found_texts
from blip2core.intake.rows_of_formats import Rows, how_to_save, is_map_of_rows, is_one_row, rows_in
from blip2core.intake.unused_columns import UnusedColumns
from blip2core.records import Problem, Told

FORMATS_OF_ROWS: dict[FileKind, Collection[Format]] = {"jsonl": OF_ROWS, "csv": (LABEL_STUDIO_MIN,)}
"""Kind of a table -> the formats that its rows may have as a whole. In all others, and in CSV,
conversations and questions are cells, which `found_texts` reads."""
ColumnsIn = Callable[[Mapping[str, object]], Columns]


def table_entries(
    file: NamedFile, columns: Columns | None, limits: Limits
) -> Iterator[Entry | Told]:
    """Return one entry for each image of a table, and a Problem for each row that cannot be used.

    What is wrong with the table as a whole is a Problem too. At the end come the columns that look
    like texts and are not used.
    """
    if not file.start(1):
        return iter([Problem(name=file.name, reason="The file is empty.", about="source")])
    if (kind := kind_of(file)) == "json":
        return _whole_json(file, columns, limits)
    if kind == "flickr":
        return merged(flickr_entries(file, limits), limits)
    return merged(_entries(file, columns, limits), limits)


def json_entries(
    name: str, document: Any, columns: Columns | None, limits: Limits
) -> Iterator[Entry | Told]:
    """Return the entries of a JSON document: of a known format, or a list of rows.

    Raises IntakeError where it is neither.
    """
    rows = [document] if is_one_row(document) else rows_in(document, columns)
    if rows is not None:
        reading = Rows(columns, by_name=is_map_of_rows(document))
        found = _row_entries(
            name, numbered(rows), lambda row: columns_of(row, columns), limits, reading
        )
        return merged(found, limits)
    if (format := format_of(document)) is not None:
        return merged(annotated_entries(name, format.read(document), limits), limits)
    if (known := what_it_is(document)) is not None:
        raise IntakeError(f"{safe_name(name)} has no texts about images: {known}.")
    if (advice := how_to_save(document)) is not None:
        raise IntakeError(f"{safe_name(name)} cannot be read as it is: {advice}.")
    raise IntakeError(f"{safe_name(name)} is JSON of no known format; docs/formats.md lists them.")


def numbered(rows: Iterable[object]) -> Iterator[TableRow]:
    """Yield the elements of a JSON list as rows with their numbers."""
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict | IntakeError):
            row = IntakeError("This is not a JSON object.")
        yield number, row


def _whole_json(file: NamedFile, columns: Columns | None, limits: Limits) -> Iterator[Entry | Told]:
    """Yield the entries of a JSON file that stands alone."""
    files = QuestionFiles()
    try:
        document = read_document(file, limits)
        is_taken = files.takes(file.name, document)
        found, problems = files.joined()
        for name, one in found if is_taken else [(file.name, document)]:
            yield from json_entries(name, one, columns, limits)
        yield from problems
    except IntakeError as error:
        yield Problem(name=file.name, reason=str(error), about="source")


def _entries(file: NamedFile, columns: Columns | None, limits: Limits) -> Iterator[Entry | Told]:
    formats = FORMATS_OF_ROWS.get(kind_of(file), ())
    reading = Rows(columns, formats=formats)
    try:
        rows, columns_in = _rows(file, columns)
        if (kind := kind_of(file)) in ("parquet", "arrow"):
            for row in unused_rows(file, kind, columns):
                reading.unused.see(row, columns_in(row))
    except IntakeError as error:
        yield Problem(name=file.name, reason=str(error), about="source")
    else:
        if kind != "jsonl" and columns is not None and columns.optional:
            yield from _not_as_said(file.name, columns_in({}), columns)
        yield from _row_entries(file.name, rows, columns_in, limits, reading)


def _not_as_said(name: str, columns: Columns, wanted: Columns) -> Iterator[Problem]:
    """Yield a note where a table has none of the columns that were named."""
    if set(columns.named()).isdisjoint(wanted.named()):
        read = ", ".join(safe_name(one, limit=40) for one in columns.named())
        reason = f"None of the columns that were named is here; what was read by its name: {read}."
        yield Problem(name=name, reason=reason, about="note")


def _row_entries(
    name: str,
    rows: Iterable[TableRow],
    columns_in: ColumnsIn,
    limits: Limits,
    reading: Rows,
) -> Iterator[Entry | Told]:
    """Yield the entries of the rows, of which each may have a format of its own."""
    failed, not_used, count = FailedRows(), NotUsed(), 0
    try:
        for number, row in rows:
            if number == 0:  # not of a row, but of the whole table
                yield Problem(name=name, reason=str(row), about="note")
                continue
            count += 1
            if count > limits.rows:
                yield too_many(name, limits)
                break
            if isinstance(row, dict) and is_left_out(name, row):
                continue
            if isinstance(row, dict) and (of_format := reading.read(number, row)):
                yield from entries_of(name, of_format, limits, not_used)
                continue
            where = f"{name}, row {number}"
            found = _entry(row, columns_in, where, limits, reading.unused, failed)
            if found is not None:
                yield found
    except IntakeError as error:
        yield Problem(name=name, reason=str(error), about="source")
    yield from failed.told(name)
    yield from not_used.told()
    yield from reading.unused.found(name)


def _entry(
    row: dict[str, object] | IntakeError,
    columns_in: ColumnsIn,
    where: str,
    limits: Limits,
    unused: UnusedColumns,
    failed: FailedRows,
) -> Entry | Problem | None:
    """Return what a row says of an image; None where img2dataset could not fetch it."""
    if isinstance(row, IntakeError):
        return Problem(name=where, reason=str(row), about="source")
    try:
        columns = columns_in(row)
        unused.see(row, columns)
        entry = entry_of(row, columns, where, limits)
    except IntakeError as error:
        return _unusable(row, where, str(error), limits)
    if entry.data is None and _may_have_failed(columns) and failed.takes(row, entry.found.read):
        return None
    if entry.path or entry.url or entry.data:
        return entry
    return entry.problem(where, "The row names no image.")


def _unusable(row: dict[str, object], where: str, reason: str, limits: Limits) -> Problem:
    """Return that a row cannot be used; its texts, where no column is one of images, have none."""
    columns = guess_columns(list(row))
    is_without = not columns.path and not columns.url
    lost = texts_of(found_texts(row, columns), where, limits).read if is_without else 0
    about: Literal["text without image", "source"] = "text without image" if lost else "source"
    return Problem(name=where, reason=reason, about=about, texts=lost)


def _rows(file: NamedFile, wanted: Columns | None) -> tuple[Iterator[TableRow], ColumnsIn]:
    """Return the rows, and what says which column of a row is what."""
    kind = kind_of(file)
    if kind == "jsonl":
        return jsonl_rows(file), lambda row: columns_of(row, wanted)
    if kind in ("parquet", "arrow"):
        rows, columns = arrow_rows(file, kind, wanted)
        return rows, lambda _: columns
    if kind == "csv":
        columns = find_columns(csv_header(file), wanted)
        return csv_rows(file), lambda _: columns
    raise IntakeError(f"{safe_name(file.name)} is no table of images (CSV, JSONL, Parquet, Arrow).")


def _may_have_failed(columns: Columns) -> bool:
    """Return whether rows without an image may be those that img2dataset could not fetch: in a
    table of images or their keys, not in one of addresses.
    """
    return columns.path in {*IMAGE_COLUMNS, KEY}
