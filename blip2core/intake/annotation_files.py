"""Annotation files of this field (`blip2core.formats`) -> their entries."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from blip2core.errors import IntakeError
from blip2core.file_names import safe_name
from blip2core.formats import AnnotatedImage, Format, format_of_line
from blip2core.formats.files import NamedFile
from blip2core.formats.flickr import read_flickr
from blip2core.formats.jsonl import jsonl_rows
from blip2core.formats.lines import Lines
from blip2core.intake.columns import URL, Columns, guess_columns, with_wanted
from blip2core.intake.entries import Entry
from blip2core.intake.image_texts import texts_of
from blip2core.intake.limits import Limits
from blip2core.records import Problem, Told, Unused
from blip2core.texts import clean_text, count_of

LINES_TRIED = 20
"""Lines that tell the format of a preview; an import goes by each line."""
MOST_KINDS = 20
"""Kinds of what is no text that are told of one file."""


def read_document(file: NamedFile, limits: Limits) -> Any:
    """Return the content of a JSON file. Raises IntakeError where it cannot be read."""
    data = file.read(limits.table_bytes)
    if (values := sum(map(data.count, (b"{", b"[", b",")))) > limits.json_values:
        raise IntakeError(
            f"{safe_name(file.name)} has about {values:,} values; at most {limits.json_values:,} "
            "are read. Split it, or save its rows as JSON Lines."
        )
    try:
        return json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise IntakeError(f"{safe_name(file.name)} is not UTF-8; save it as such.") from error
    except (ValueError, RecursionError) as error:
        raise IntakeError(f"{safe_name(file.name)} is not JSON, or is cut off.") from error


def annotated_entries(
    name: str, found: Iterable[AnnotatedImage], limits: Limits
) -> Iterator[Entry | Told]:
    """Yield the entries of an annotation file; a Problem for each that names no image. At the end
    come the kinds of what is no text.
    """
    not_used, first = Counter[str](), dict[str, str]()
    for count, one in enumerate(found, start=1):
        if count > limits.rows:
            yield too_many(name, limits)
            break
        where = f"{name}, entry {one.number}"
        path, url = clean_text(one.path or "") or None, clean_text(one.url or "") or None
        if path and URL.match(path):
            path, url = None, url or path
        yield from (Problem(name=where, reason=note, about="note") for note in one.notes)
        entry = Entry(
            where=where,
            path=path,
            url=url,
            found=texts_of((*one.texts, *one.refused), where, limits),
            page_url=clean_text(one.page_url or "") or None,
            license=one.license,
        )
        yield entry if path or url else _without_image(entry, one.missing)
        not_used.update(one.not_used)
        for kind in one.not_used:
            first.setdefault(kind, where)
    for kind, number in not_used.most_common(MOST_KINDS):
        advice = f"{count_of(number, kind)}, the first here: no text of an image, so not read"
        yield Unused(kind="row", name=first[kind], advice=advice, count=number)


def _without_image(entry: Entry, reason: str) -> Problem:
    """Return that an entry names no image: its texts are without one, and no image is refused."""
    lost = entry.found.read
    return Problem(
        name=entry.where,
        reason=reason or "The entry names no image.",
        about="text without image" if lost else "source",
        texts=lost,
    )


def too_many(name: str, limits: Limits) -> Problem:
    """Return that a table or annotation file was not read to its end."""
    reason = f"Only the first {limits.rows:,} rows were read; split the table."
    return Problem(name=name, reason=reason, about="source")


def format_of_lines(file: NamedFile) -> Format | None:
    """Return the format whose entries the first lines of a .jsonl are; None where some are rows."""
    rows = [row for _, row in islice(jsonl_rows(file), LINES_TRIED) if isinstance(row, dict)]
    formats = [format_of_line(row) for row in rows]
    return formats[0] if formats and None not in formats else None


def flickr_entries(file: NamedFile, limits: Limits) -> Iterator[Entry | Told]:
    """Yield the entries of a token file."""
    with Lines(file.open()) as lines:
        found = read_flickr(line or "" for _, line in lines.numbered())
        for count, one in enumerate(found, start=1):
            if count > limits.rows:
                yield too_many(file.name, limits)
                return
            if isinstance(one, int):
                reason = "The line is not NAME#NUMBER, a tab and a caption."
                yield Problem(name=f"{file.name}, line {one}", reason=reason, about="source")
            else:
                yield from annotated_entries(file.name, [one], limits)


def is_rows(document: Any, wanted: Columns | None = None) -> bool:
    """Return whether a document is a list of objects, the first of which names an image."""
    rows = document if isinstance(document, list) else []
    if not rows or not isinstance(rows[0], dict):
        return False
    columns = with_wanted(guess_columns(list(rows[0])), wanted)
    return bool(columns.path or columns.url)
