"""A row of a table, or an object that says as much -> the entry of its image."""

import re
from collections.abc import Iterator, Mapping
from itertools import islice, zip_longest
from math import isfinite

from blip2core.errors import IntakeError
from blip2core.file_names import clean_path, safe_name
from blip2core.formats.annotated import MOST_DATA, Refused
from blip2core.formats.files import within
from blip2core.formats.label_studio import local_path
from blip2core.formats.nested_texts import is_none, listed_texts, nested_parts
from blip2core.formats.questions import has_answer, row_question
from blip2core.formats.rows import DETAILS, OF_IMAGE, OF_TEXT, ORIGIN, exported_origin
from blip2core.intake.cell_texts import conversation_texts, is_damaged_conversation, turns_of
from blip2core.intake.columns import QUESTION, URL, Columns, answers_beside, plain_name
from blip2core.intake.entries import Entry
from blip2core.intake.image_texts import FoundText, texts_of
from blip2core.intake.limits import Limits
from blip2core.intake.text_data import MOST_DIGITS
from blip2core.records import TextOrigin
from blip2core.texts import APOSTROPHE_COLUMN, clean_text

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
CODE = re.compile(r"\+.*|-?0\d+")
"""Of these, what is no number but an id, a postcode or a telephone number: 007, 00501, +4930123."""
NO_DATA = frozenset({"width", "height", "size", "bytes", "original_width", "original_height"})
"""Numbers that tell of the image, which is measured here."""
ORIGIN_COLUMNS = frozenset(ORIGIN)
OF_EXPORT = frozenset({*OF_TEXT, *OF_IMAGE})
NO_EXPORT: Mapping[str, object] = dict.fromkeys(("caption_id", "decided_by", *ORIGIN))


def entry_of(row: Mapping[str, object], columns: Columns, where: str, limits: Limits) -> Entry:
    """Return one row as an entry, which may name no image.

    Raises IntakeError where its cells cannot be used.
    """
    path, data = _image(row.get(columns.path)) if columns.path else (None, None)
    within(data or b"", limits.image_bytes)
    url = _word(row.get(columns.url)) if columns.url else None
    local = local_path(path or "")
    if path and URL.match(path):
        path, url = None, url or path
    path = local or path
    return Entry(
        where=where,
        path=path,
        url=url,
        data=data,
        found=texts_of(found_texts(row, columns), where, limits),
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
        return _path(path), data if isinstance(data, bytes) and data else None
    return _path(value), None


def _path(value: object) -> str | None:
    """Return a path, cleaned; None where it is empty or something else."""
    return clean_path(str(value)) if _word(value) is not None else None


def _word(value: object) -> str | None:
    """Return a short text, cleaned; None where it is empty or something else."""
    if not isinstance(value, str):
        return None
    if len(value) > 4_000:
        raise IntakeError(f"A path, address or licence has {len(value):,} characters.")
    return clean_text(value) or None


def found_texts(row: Mapping[str, object], columns: Columns) -> Iterator[FoundText | Refused]:
    """Yield the texts of a row by the columns that hold texts: of a conversation its answers, of a
    question the question with the answer beside it.
    """
    data = dict(islice(data_of(row, columns), MOST_DATA))
    beside = {plain_name(one): row[one] for one in answers_beside(columns, row)}
    for name in columns.texts:
        cell = _in_words(row.get(name))
        is_ours = "text_data" in row or APOSTROPHE_COLUMN in row  # where a text stands as it is
        if not is_ours and (turns := turns_of(cell)):
            yield from conversation_texts(turns, data | {"extra": row.get("extra")})
            continue
        is_asked = plain_name(name) == QUESTION and isinstance(cell, str) and cell.strip()
        if not is_ours and beside and is_asked:
            yield row_question(str(cell), beside, place=name, data=data)
            continue
        if not is_ours and plain_name(name) == QUESTION and has_answer(beside):
            yield Refused("There are answers, and no question.")
            continue
        listed = cell if is_ours else listed_texts(cell)
        if listed is cell and is_damaged_conversation(name, cell):
            yield Refused(f"`{safe_name(name, limit=40)}` holds JSON that cannot be read.")
            continue
        parts = list(nested_parts(listed))
        found = [part for part in parts if part is not None]
        if lost := len(parts) - len(found):
            what = (
                "has parts that are no texts" if found else "is neither a text nor a list of texts"
            )
            yield Refused(f"`{safe_name(name, limit=40)}` {what}.", lost)
        of_row = _exported(row, name, data) or TextOrigin(place=name, data=data)
        details = row.get(DETAILS)
        own = details if isinstance(details, list) and len(details) == len(found) else ()
        for text, said in zip_longest(found, own):  # said of each text in a list, or in the row
            origin = _exported(said, name, data) if isinstance(said, Mapping) else of_row
            yield text, origin or TextOrigin(place=name, data=data)


def _in_words(cell: object) -> object:
    """Return a number as the text that it is in a CSV; any other cell as it is."""
    is_number = isinstance(cell, int | float) and not isinstance(cell, bool)
    return str(cell) if is_number and not is_none(cell) else cell


def _exported(
    row: Mapping[str, object], name: str, data: Mapping[str, object]
) -> TextOrigin | None:
    """Return what an export said of a text, also where somebody took columns out of the export, and
    the `data` of columns that somebody added to it.
    """
    is_part = not ORIGIN_COLUMNS.isdisjoint(row)
    if (origin := exported_origin({**NO_EXPORT, **row} if is_part else row, name)) is None:
        return None
    added = {key: value for key, value in data.items() if key not in OF_EXPORT}
    return TextOrigin(place=origin.place, data=added | dict(origin.data))


def data_of(row: Mapping[str, object], columns: Columns) -> Iterator[tuple[str, object]]:
    """Yield the id of a row, and the columns that hold numbers or codes of digits; these stay
    texts: 007 is not 7.
    """
    used = {*columns.named(), *answers_beside(columns, row)} - {columns.id}
    for name, value in row.items():
        if name in used or name.strip().lower() in NO_DATA:
            continue
        is_id = name == columns.id and isinstance(value, str) and 0 < len(value) <= 200
        if is_id or isinstance(value, bool | int | float):
            yield name, value
        elif isinstance(value, str) and len(value) <= MOST_DIGITS and NUMBER.fullmatch(value):
            yield name, _number(value)


def _number(value: str) -> int | float | str:
    """Return a number; a code of digits, and what is too large for a number, as it stands."""
    if CODE.fullmatch(value):
        return value
    try:
        return int(value)
    except ValueError:
        return float(value) if isfinite(float(value)) else value
