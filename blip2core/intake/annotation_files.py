"""Annotation files of this field (`blip2core.formats`) -> their entries."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from blip2core.errors import IntakeError
from blip2core.file_names import clean_path, safe_name
from blip2core.formats import AnnotatedImage
from blip2core.formats.files import NamedFile
from blip2core.formats.flickr import read_flickr
from blip2core.formats.jsonl import jsonl_rows
from blip2core.formats.lines import Lines
from blip2core.intake.columns import URL
from blip2core.intake.entries import Entry
from blip2core.intake.image_texts import texts_of
from blip2core.intake.limits import Limits
from blip2core.records import Problem, Told, Unused
from blip2core.texts import clean_text, count_of

MOST_KINDS = 20
"""Kinds of what is no text that are told of one file."""


def read_document(file: NamedFile, limits: Limits) -> Any:
    """Return the content of a JSON file; of JSON Lines called so, the list of its rows. Raises
    IntakeError where it cannot be read.
    """
    data = file.read(limits.table_bytes)
    if (values := sum(map(data.count, (b"{", b"[", b",")))) > limits.json_values:
        raise IntakeError(
            f"{safe_name(file.name)} has about {values:,} values; at most {limits.json_values:,} "
            "are read. Split it, or save its rows as JSON Lines."
        )
    try:
        return json.loads(data)  # UTF-8, UTF-16 or UTF-32
    except UnicodeDecodeError as error:
        raise IntakeError(f"{safe_name(file.name)} is not UTF-8; save it as such.") from error
    except (ValueError, RecursionError) as error:
        if (rows := rows_of_lines(file)) is not None:
            return rows
        raise IntakeError(f"{safe_name(file.name)} is not JSON, or is cut off.") from error


def rows_of_lines(file: NamedFile) -> list[dict[str, object] | IntakeError] | None:
    """Return the rows of JSON Lines, and what is wrong with others; None for what is no such."""
    rows = (row for number, row in jsonl_rows(file) if number)
    first = list(islice(rows, 2))
    is_lines = len(first) == 2 and all(isinstance(row, dict) for row in first)
    return [*first, *rows] if is_lines else None


class NotUsed:
    """Kinds of what an annotation file has besides texts, told once for all its entries."""

    def __init__(self) -> None:
        self._counts, self._first = Counter[str](), dict[str, str]()

    def add(self, where: str, kinds: Iterable[str]) -> None:
        """Count what was seen in an entry."""
        for kind in kinds:
            self._counts[kind] += 1
            self._first.setdefault(kind, where)

    def told(self) -> Iterator[Unused]:
        """Yield the most frequent kinds, each under the name of its first entry."""
        for kind, number in self._counts.most_common(MOST_KINDS):
            advice = f"{count_of(number, kind)}, the first here: no text of an image, so not read"
            yield Unused(kind="row", name=self._first[kind], advice=advice, count=number)


def annotated_entries(
    name: str, found: Iterable[AnnotatedImage], limits: Limits
) -> Iterator[Entry | Told]:
    """Yield the entries of an annotation file; then the kinds of what is no text in it."""
    not_used = NotUsed()
    yield from entries_of(name, found, limits, not_used)
    yield from not_used.told()


def entries_of(
    name: str, found: Iterable[AnnotatedImage], limits: Limits, not_used: NotUsed
) -> Iterator[Entry | Told]:
    """Yield an entry for each image that is named; a Problem for each that is not."""
    for count, one in enumerate(found, start=1):
        if count > limits.rows:
            yield too_many(name, limits)
            break
        where = f"{name}, entry {one.number}"
        path, url = clean_path(one.path or "") or None, clean_text(one.url or "") or None
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
        not_used.add(where, one.not_used)


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
