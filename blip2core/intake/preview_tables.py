"""The beginning of one table or annotation file, however large it is: it is never read whole."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import chain, islice
from typing import Any

from blip2core.errors import IntakeError
from blip2core.file_names import safe_name, suffix
from blip2core.formats import AnnotatedImage, format_of, format_of_row
from blip2core.formats.annotated import TableRow
from blip2core.formats.arrow import arrow_schema
from blip2core.formats.csv import csv_header, csv_rows
from blip2core.formats.encodings import find_encoding
from blip2core.formats.files import NamedFile, kind_of
from blip2core.formats.flickr import read_flickr
from blip2core.formats.jsonl import jsonl_rows
from blip2core.formats.lines import Lines
from blip2core.formats.parquet import arrow_errors, parquet_schema
from blip2core.formats.text_maps import TEXT_MAP
from blip2core.formats.vqa import VQA, is_vqa_answers
from blip2core.intake.annotation_files import read_document, rows_of_lines
from blip2core.intake.arrow_rows import arrow_rows
from blip2core.intake.columns import Columns, TableKind, find_columns, guess_columns, with_wanted
from blip2core.intake.first_rows import first_rows
from blip2core.intake.json_beginning import beginning_of, start_at
from blip2core.intake.limits import Limits
from blip2core.intake.preview_values import Cell, Preview, PreviewImage, one_line, table_preview
from blip2core.intake.question_files import NO_QUESTIONS
from blip2core.intake.rows_of_formats import Rows as RowsOfFormats
from blip2core.intake.rows_of_formats import how_to_save, is_map_of_rows, is_one_row, rows_in
from blip2core.intake.tables import numbered
from blip2core.texts import count_of

ROWS_TRIED = 20
"""Rows that tell whether all have a format; an import goes by each row."""
ROWS = 8
"""Rows that are shown."""
IMAGES = 3
"""Images of an annotation file that are shown."""
TEXTS = 5
"""Texts of each that are shown."""
HEAD = 2_000_000
"""Bytes of a text that are read."""
ENTRIES = 2_000
"""Entries of an annotation file among which images with texts are looked for."""
ANSWERS_ELSEWHERE = "The answers stand in another file; an import that has both joins them."
PARTS = ("images", "annotations")
"""What an annotation file of COCO consists of."""
NOTES = 3
"""Rows that cannot be read and are told."""
Rows = Iterable[TableRow]


def preview_of(file: NamedFile, columns: Columns | None, limits: Limits, whole: int) -> Preview:
    """Return the beginning of a table or annotation file; what is wrong with it is its problem.

    JSON is read whole where it has at most `whole` bytes, as its parts may stand in any order.
    """
    try:
        return _preview(file, columns, limits, whole)
    except IntakeError as error:
        return Preview(table=file.name, format=_format(file), problem=str(error))


def kind_of_table(file: NamedFile, limits: Limits) -> TableKind | None:
    """Return the kind of a table as its preview has it; None of what is no table, or damaged."""
    try:
        if (kind := kind_of(file)) in ("parquet", "arrow"):  # no rows are read of these
            header, columns, _ = _typed_columns(file, kind, None)
            return TableKind(header=tuple(header), guessed=columns)
    except IntakeError:
        return None
    return preview_of(file, None, limits, HEAD).kind


def _preview(file: NamedFile, columns: Columns | None, limits: Limits, whole: int) -> Preview:
    kind = kind_of(file)
    if not file.start(1):
        raise IntakeError("The file is empty.")
    if kind == "json":
        return _json(file, columns, limits, whole)
    if kind == "flickr":
        return _flickr(file)
    if kind in ("parquet", "arrow"):
        return _typed(file, kind, columns)
    if kind not in ("csv", "jsonl"):
        raise IntakeError(f"{safe_name(file.name)} is no table of images.")
    head, notes = _head(file)
    if kind == "csv":
        return _rows(file, csv_header(head), csv_rows(head), columns, notes)
    return _objects(file, jsonl_rows(head), columns, notes)


def _format(file: NamedFile) -> str:
    try:
        kind = kind_of(file)
    except IntakeError:
        kind = "other"
    if kind == "csv":
        return "TSV" if suffix(file.name) == ".tsv" else "CSV"
    names = {"jsonl": "JSON Lines", "parquet": "Parquet", "arrow": "Arrow", "json": "JSON"}
    return names.get(kind, "Flickr captions" if kind == "flickr" else "file")


def _head(file: NamedFile) -> tuple[NamedFile, list[str]]:
    """Return the first lines of a text as a file in UTF-8, and how its encoding was guessed."""
    data = file.start(HEAD + 1)
    if len(data) <= HEAD:
        return NamedFile(file.name, data), []
    data = data[:HEAD]
    with NamedFile(file.name, data).open() as opened:
        encoding = find_encoding(opened)
    text = codecs.getincrementaldecoder(encoding.name)(encoding.errors).decode(data)
    whole = text[: text.rfind("\n") + 1] or text
    notes = [encoding.note] if encoding.note else []
    return NamedFile(file.name, whole.encode("utf-8", "surrogateescape")), notes


def _rows(
    file: NamedFile,
    header: list[str] | None,
    rows: Rows,
    wanted: Columns | None,
    notes: Iterable[str] = (),
) -> Preview:
    """Return the preview of a table. Without a `header` its columns are those of its first rows."""
    found: list[Mapping[str, object]] = []
    told = list(notes)
    for number, row in islice(rows, 4 * ROWS):
        if not isinstance(row, IntakeError):
            found.append(row)
        elif len(told) < NOTES:
            told.append(f"Row {number}: {row}" if number else str(row))
        if len(found) == ROWS:
            break
    if header is None:
        header = list(dict.fromkeys(name for row in found for name in row))
        if not header:
            reason = told[0] if told else "There is no row in it."
            raise IntakeError(reason)
    columns, problem = _columns(header, wanted)
    return table_preview(
        file.name, _format(file), header, columns, found, problem=problem, notes=told
    )


def _columns(header: list[str], wanted: Columns | None) -> tuple[Columns, str]:
    """Return what the columns are, and why nothing can be read with them."""
    try:
        return find_columns(header, wanted), ""
    except IntakeError as error:
        named = with_wanted(guess_columns(header), wanted)
        there = replace(
            named,
            path=named.path if named.path in header else None,
            texts=tuple(name for name in named.texts if name in header),
            id=named.id if named.id in header else None,
        )
        return there, str(error)


def _typed(file: NamedFile, kind: str, wanted: Columns | None) -> Preview:
    """Return the preview of a table with typed columns, whose images the table itself may hold."""
    header, columns, problem = _typed_columns(file, kind, wanted)
    rows, notes = first_rows(file, kind, header, ROWS)
    return table_preview(
        file.name, _format(file), header, columns, rows, problem=problem, notes=notes[:NOTES]
    )


def _typed_columns(
    file: NamedFile, kind: str, wanted: Columns | None
) -> tuple[list[str], Columns, str]:
    """Return the header of a table with typed columns, what they are, and why nothing can be read
    with them.
    """
    schema = (parquet_schema if kind == "parquet" else arrow_schema)(file)
    with arrow_errors(kind.capitalize()):  # names that are not UTF-8
        header = [name for name in schema.names if schema.names.count(name) == 1]
    try:
        return header, arrow_rows(file, kind, wanted)[1], ""
    except IntakeError as error:
        return header, _columns(header, wanted)[0], str(error)


def _json(file: NamedFile, wanted: Columns | None, limits: Limits, whole: int) -> Preview:
    size = file.size()
    if size > limits.table_bytes:
        raise IntakeError(
            f"The file has {size:,} bytes; at most {limits.table_bytes:,} are read. Split it, or "
            "save its rows as JSON Lines."
        )
    document = read_document(file, limits) if size <= whole else _excerpt(file)
    rows = [document] if is_one_row(document) else rows_in(document, wanted)
    if rows is not None:
        return _objects(file, numbered(rows), wanted, by_name=is_map_of_rows(document))
    if (format := format_of(document)) is not None:
        found = _annotated(file.name, format.label, format.read(document))
        is_unanswered = format is VQA and not any(one.texts for one in found.images)
        return replace(found, notes=(ANSWERS_ELSEWHERE,)) if is_unanswered else found
    if is_vqa_answers(document):
        return Preview(table=file.name, format="Answers to questions", problem=NO_QUESTIONS)
    reason = "It is JSON of no known format; docs/formats.md lists them."
    if (advice := how_to_save(document)) is not None:
        reason = f"It cannot be read as it is: {advice}."
    elif isinstance(document, list) and any(isinstance(row, dict) for row in document):
        return _objects(file, numbered(document), wanted)  # whose columns may be named by hand
    if size > whole:
        reason = f"It has {size:,} bytes: the import, which reads all of it, tells its format."
    raise IntakeError(reason)


def _excerpt(file: NamedFile) -> Any:
    """Return the beginning of a JSON document, and that of its images and annotations."""
    try:
        document = beginning_of(file.start(HEAD))
    except IntakeError:
        if (rows := rows_of_lines(_head(file)[0])) is None:
            raise
        return rows
    for part in PARTS if isinstance(document, dict) else ():
        if part not in document and (data := start_at(file, f'"{part}"'.encode(), HEAD)):
            with suppress(IntakeError):  # words within a text
                document |= beginning_of(b"{" + data)
    return document


def _objects(
    file: NamedFile,
    rows: Rows,
    wanted: Columns | None,
    notes: Iterable[str] = (),
    *,
    by_name: bool = False,
) -> Preview:
    """Return the preview of rows that decide for themselves what they are: the first images where
    all of the first have a format, else a table.
    """
    rows = iter(rows)
    first = list(islice(rows, ROWS_TRIED))
    reading = RowsOfFormats(wanted, by_name=by_name)
    found = {number: row for number, row in first if isinstance(row, dict)}
    entries = {number: reading.read(number, row) for number, row in found.items()}
    if not found or not all(entries.values()):
        return _rows(file, None, chain(first, rows), wanted, notes)
    formats = (format_of_row(row) or TEXT_MAP for row in found.values())
    labels = dict.fromkeys(format.label for format in formats)
    more = chain(chain.from_iterable(entries.values()), _later(rows, reading))
    return replace(_annotated(file.name, ", ".join(labels), more), notes=tuple(notes))


def _later(rows: Rows, reading: RowsOfFormats) -> Iterator[AnnotatedImage]:
    for number, row in rows:
        if isinstance(row, dict):
            yield from reading.read(number, row)


def _flickr(file: NamedFile) -> Preview:
    head, notes = _head(file)
    images: dict[str | None, AnnotatedImage] = {}
    with Lines(head.open()) as lines:
        for one in islice(read_flickr(line or "" for _, line in lines.numbered()), ENTRIES):
            if isinstance(one, AnnotatedImage):
                known = images.setdefault(one.path, replace(one, texts=()))
                images[one.path] = replace(known, texts=(*known.texts, *one.texts))
    found = _annotated(file.name, "Flickr captions", iter(images.values()))
    return replace(found, notes=tuple(notes))


def _annotated(table: str, format: str, entries: Iterator[AnnotatedImage]) -> Preview:
    """Return the preview of an annotation file: the first images that have texts."""
    first = list(islice(entries, ENTRIES))
    several: dict[str, list[str]] = {}
    for one in first:
        texts = several.setdefault(one.path or one.url or f"entry {one.number}", [])
        texts += [text for text, _ in one.texts]
    with_texts = [name for name, texts in several.items() if texts]
    names = islice(chain(with_texts, (name for name in several if not several[name])), IMAGES)
    images = tuple(
        PreviewImage(name=Cell(text=one_line(name)), texts=_first_texts(several[name]))
        for name in names
    )
    problem = "" if images else "There is no image in it."
    return Preview(table=table, format=format, images=images, problem=problem)


def _first_texts(texts: list[str]) -> tuple[str, ...]:
    shown = tuple(map(one_line, texts[:TEXTS]))
    more = len(texts) - len(shown)
    return (*shown, f"and {count_of(more, 'text')} more") if more > 0 else shown
