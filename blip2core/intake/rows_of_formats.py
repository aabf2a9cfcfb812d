"""Which format each row is of, whatever file it stands in: a JSON list, JSON Lines, a table."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

from blip2core.file_names import safe_name, suffix
from blip2core.formats import OF_ROWS, AnnotatedImage, Format, format_of_row
from blip2core.formats.annotated import Refused, is_row, name_or_id
from blip2core.formats.conversations import CONVERSATIONS, TURNS
from blip2core.formats.files import INTAKE_SUFFIXES
from blip2core.formats.label_studio import LABEL_STUDIO, LABEL_STUDIO_MIN
from blip2core.formats.lavis import LAVIS_VQA, LISTS
from blip2core.formats.nested_texts import spelled
from blip2core.formats.text_maps import TEXT_FIELDS, TEXT_MAP, is_text_map
from blip2core.intake.columns import (
    PATH_COLUMNS,
    QUESTION,
    Columns,
    guess_columns,
    plain_name,
    with_wanted,
)
from blip2core.intake.row_entries import found_texts
from blip2core.intake.unused_columns import UnusedColumns

IMAGE = "image"
"""Field of a row for the name that stands before it, in an object of rows by names."""
MOST_FIELDS = 1_000
"""Fields of an object that may be one row, or columns; more are questions or texts by name."""
TRIED = 20
"""Objects of such an object that are looked at."""


class Rows:
    """The rows of a file, of which each decides for itself what it is."""

    def __init__(
        self,
        wanted: Columns | None,
        *,
        formats: Collection[Format] = OF_ROWS,
        by_name: bool = False,
    ) -> None:
        """Take what was said of the columns, and the formats that are looked for; `by_name`: rows
        of an object of texts by names.
        """
        self._wanted, self._formats = wanted, formats
        self._by_name = by_name
        self._is_said = wanted is not None and bool(
            wanted.path or wanted.url or wanted.texts or wanted.complete
        )
        self.unused = UnusedColumns()
        """Sees what is not used of these rows."""

    def read(self, number: int, row: Mapping[str, Any]) -> list[AnnotatedImage]:
        """Return the entry that a row is, with the texts of its columns that hold texts; none
        where all of it is columns: those of images and texts, or those that somebody named.
        """
        format = next((one for one in self._formats if one.is_row(row)), None)
        if self._is_said and format is not LABEL_STUDIO:
            return []
        if format is None:
            return self._of_map(number, row) if self._by_name else []
        if format is LABEL_STUDIO_MIN:
            row = {name: spelled(cell) for name, cell in row.items()}  # as its CSV has them
        found = [replace(one, number=number) for one in format.read([row])]
        if format not in (CONVERSATIONS, LAVIS_VQA):
            return found
        columns = self._columns(row)
        name = _name(row, columns)
        is_first = format is LAVIS_VQA  # whose other name of an image is its number in COCO
        found = [
            replace(one, path=(name or one.path) if is_first else (one.path or name))
            for one in found
        ]
        return self._with_columns(found, row, columns, (*TURNS, QUESTION, *LISTS))

    def _of_map(self, number: int, row: Mapping[str, Any]) -> list[AnnotatedImage]:
        """Return an object of kohya's metadata, with the texts of other fields."""
        columns = self._columns(row)
        said = {key: value for key, value in row.items() if key != columns.path}
        found = TEXT_MAP.read({_name(row, columns) or IMAGE: said})
        numbered = [replace(one, number=number) for one in found]
        return self._with_columns(numbered, said, columns, TEXT_FIELDS)

    def _columns(self, row: Mapping[str, Any]) -> Columns:
        return with_wanted(guess_columns(list(row)), self._wanted)

    def _with_columns(
        self,
        found: list[AnnotatedImage],
        row: Mapping[str, Any],
        columns: Columns,
        own: tuple[str, ...],
    ) -> list[AnnotatedImage]:
        """Return entries with the texts of the columns that are not their `own`."""
        read = tuple(name for name in row if plain_name(name) in own)
        rest = tuple(name for name in columns.texts if name not in read)
        self.unused.see(row, replace(columns, texts=(*rest, *read)))
        more = list(found_texts(row, replace(columns, texts=rest)))
        texts = tuple(one for one in more if not isinstance(one, Refused))
        refused = tuple(one for one in more if isinstance(one, Refused))
        url, page_url, license = (
            name_or_id(row.get(name)) if name else None
            for name in (columns.url, columns.page_url, columns.license)
        )
        return [
            replace(
                one,
                texts=(*one.texts, *texts),
                refused=(*one.refused, *refused),
                url=one.url or url,
                page_url=one.page_url or page_url,
                license=one.license or license,
            )
            for one in found
        ]


def rows_in(document: Any, wanted: Columns | None = None) -> list[Any] | None:
    """Return the rows of a JSON document: a list of which one names an image or has a format; an
    object of such by their numbers or names, as pandas and kohya write it; else None.
    """
    if isinstance(document, list):
        is_said = wanted is not None and bool(wanted.path or wanted.url)
        return document if _is_any_row(document, is_said=is_said) else None
    if is_map_of_rows(document):
        return list(_rows_by_name(document))
    is_few = isinstance(document, Mapping) and len(document) <= MOST_FIELDS
    return _rows_of_columns(document) if is_few else None


def how_to_save(document: Any) -> str | None:
    """Return how JSON that has texts and cannot be read is to be saved, as the end of a sentence;
    None where that is not known.
    """
    rows = document.get("annotations") if isinstance(document, Mapping) else document
    if isinstance(rows, list) and any(is_row(row, "image_id", "caption") for row in rows):
        return "its captions have the ids of images only; give each its file name, as `image`"
    for name, inner in document.items() if isinstance(document, Mapping) else ():
        if isinstance(inner, list) and rows_in(inner) is not None:
            return f"its rows stand under `{safe_name(name, limit=40)}`; save that list alone"
    return None


def _rows_of_columns(document: Mapping[str, Any]) -> list[Any] | None:
    """Return the rows of an object of columns, which are lists, or objects as pandas writes them;
    None where it is none.
    """
    columns = guess_columns(list(document))
    cells = list(document.values())
    if not columns.path or not columns.texts:
        return None
    if all(isinstance(column, Mapping) for column in cells):
        cells = [list(column.values()) for column in cells]
    if not all(isinstance(column, list) and len(column) == len(cells[0]) for column in cells):
        return None
    return [dict(zip(document, row, strict=True)) for row in zip(*cells, strict=True)]


def _rows_by_name(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the objects of an object as rows; one that names no image is about the name before
    it.
    """
    for name, row in document.items():
        if _name(row, guess_columns(list(row))):
            yield row
        else:
            yield {key: row[key] for key in row if plain_name(key) not in PATH_COLUMNS} | {
                IMAGE: name
            }


def is_map_of_rows(document: Any) -> bool:
    """Return whether it is an object of objects of which one has a text and names its image, or one
    of kohya's.
    """
    if not isinstance(document, Mapping) or not document:
        return False
    if not all(isinstance(row, Mapping) for row in document.values()):
        return False
    return is_text_map(document) or names_images_inside(document)


def names_images_inside(document: Mapping[str, Any]) -> bool:
    """Return whether an object of an object has a text and names its image."""
    first = islice(document.values(), TRIED)
    return any(isinstance(row, Mapping) and _has_text_and_image(row) for row in first)


def is_one_row(document: Any) -> bool:
    """Return whether a JSON document is one row, about an image that it names."""
    return (
        isinstance(document, dict)
        and len(document) <= MOST_FIELDS
        and (format_of_row(document) is not None or _has_text_and_image(document))
    )


def _is_any_row(rows: list[Any], *, is_said: bool) -> bool:
    """Return whether an element of a list names an image, or has a format of rows."""
    seen = set[tuple[str, ...]]()
    for row in rows:
        if not isinstance(row, dict):
            continue
        if is_said or format_of_row(row) is not None:
            return True
        if (fields := tuple(row)) not in seen:
            seen.add(fields)
            columns = guess_columns(fields)
            if columns.path or columns.url:
                return True
    return False


def _has_text_and_image(row: Mapping[str, Any]) -> bool:
    columns = guess_columns(list(row))
    name = _name(row, columns)
    return name is not None and suffix(name) in INTAKE_SUFFIXES and bool(columns.texts)


def _name(row: Mapping[str, Any], columns: Columns) -> str | None:
    """Return the path or address of an image by the columns of a row."""
    name = row.get(columns.path) if columns.path else None
    return name if isinstance(name, str) and name.strip() else None
