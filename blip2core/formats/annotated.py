"""What an annotation file says of one image, whatever format it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypedDict

from blip2core.errors import IntakeError
from blip2core.records import TextOrigin

Text = tuple[str, TextOrigin]
"""A text as it stands in the file, and its place with what else was said of it."""
TableRow = tuple[int, dict[str, object] | IntakeError]
"""Number of the row, the header being row 1; its cells by column, or what is wrong with it. Number
0 is of the whole table: how it was read, where that is not the usual."""


MOST_DATA = 50
"""Fields of a row that are kept as data of its texts."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Texts of an image that stand in the file and cannot be used."""

    reason: str
    """One sentence."""
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotatedImage:
    """An image as an annotation file names it, with the texts about it. All of it is hostile."""

    number: int
    """Which entry of the file it is, from 1 on."""
    path: str | None = None
    """File name or path, as the file has it."""
    url: str | None = None
    texts: tuple[Text, ...] = ()
    page_url: str | None = None
    license: str | None = None
    refused: tuple[Refused, ...] = ()
    notes: tuple[str, ...] = ()
    """What a person has to know of how the entry was read, one sentence each."""
    not_used: tuple[str, ...] = ()
    """What was seen of it and is no text, such as a label: a kind for each, in few words."""
    missing: str = ""
    """Why neither path nor address is known, in a sentence, where the format tells."""


def is_row(value: object, *fields: str) -> bool:
    """Return whether a value is a JSON object with all of these fields."""
    return isinstance(value, Mapping) and all(field in value for field in fields)


def rows_of(value: object) -> list[Mapping[str, Any]]:
    """Return the objects of a JSON list; what is no object is an empty one, so that places stay."""
    if not isinstance(value, list):
        return []
    return [row if isinstance(row, Mapping) else {} for row in value]


def name_or_id(value: object) -> str | None:
    """Return a name, an address or an id as a text; None for what is none of these. An id that went
    through a table of numbers, 7.0, is the one that it was, 7.
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value) if len(str(value)[:4_001]) <= 4_000 else None


def strings(value: object) -> list[str]:
    """Return a text, or the texts of a list."""
    if isinstance(value, str):
        return [value]
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def scalars(row: Mapping[str, Any], *left_out: str) -> dict[str, Any]:
    """Return the first `MOST_DATA` fields of a row that are a number, a short text or true or
    false.
    """
    fields = (
        (str(key), value)
        for key, value in row.items()
        if key not in left_out
        and isinstance(value, str | int | float | bool)
        and len(str(value)[:1_001]) <= 1_000
    )
    return dict(islice(fields, MOST_DATA))


def extra_of(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what an export of this program says beside the fields of a format, under `extra`."""
    extra = row.get("extra")
    return extra if isinstance(extra, Mapping) else {}


class Origin(TypedDict):
    """Where an image comes from."""

    url: str | None
    page_url: str | None
    license: str | None


def origin_of_image(said: Mapping[str, Any]) -> Origin:
    """Return what an export said of where an image comes from."""
    return Origin(
        url=name_or_id(said.get("url")),
        page_url=name_or_id(said.get("page_url")),
        license=name_or_id(said.get("license")),
    )
