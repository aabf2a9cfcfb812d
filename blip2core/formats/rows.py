"""The columns that every format has besides image and text: where both come from.

What was written is found again by `exported_origin`, whichever format it went through.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from operator import attrgetter
from typing import Any

from blip2core.config import ExportConfig
from blip2core.records import ExportPair, TextOrigin

OF_IMAGE = ("item_id", "image_sha256", "width", "height", "url", "page_url", "license")
OF_TEXT = (
    "caption_id",
    "source",
    "itm",
    "itc",
    "scorer",
    "run_uid",
    "captioner",
    "decision_id",
    "decided_by",
    "text_place",
    "text_data",
)
ORIGIN = ("text_place", "text_data")
"""Those that an export may leave out, as none had them before imports kept them."""

COLUMN_TYPES = {name: "string" for name in (*OF_IMAGE, *OF_TEXT)} | {
    "itm": "float64",
    "itc": "float64",
    "caption_id": "int64",
    "decision_id": "int64",
    "item_id": "int64",
    "width": "int64",
    "height": "int64",
}
"""Type of each of them, as pyarrow and `datasets` name it."""
DETAILS = "details"
"""Column of what is said of each of the `captions` of an image."""
ABSENT = {"string": "", "int64": 0, "float64": -1.0}
"""What stands for a value that is not there, by type, where a format has to have one."""
SCORES = ("itm", "itc")
"""What came with a text under these names is no score of ours, also where we have none."""
NUMBERS: Mapping[str, Callable[[str], float]] = {"int64": int, "float64": float}
"""How a number is read of a text, by type."""


def about_image(pair: ExportPair) -> dict[str, Any]:
    """Return the fields of a pair that its image has."""
    return {name: getattr(pair, name) for name in OF_IMAGE}


def text_columns(config: ExportConfig) -> tuple[str, ...]:
    """Return what is written of a text, the text itself left out."""
    return tuple(name for name in OF_TEXT if config.text_origins or name not in ORIGIN)


def about_text(pair: ExportPair, config: ExportConfig) -> dict[str, Any]:
    """Return the fields of a pair that its text has, the text itself left out."""
    return {name: getattr(pair, name) for name in text_columns(config)}


def about(pair: ExportPair, config: ExportConfig) -> dict[str, Any]:
    """Return all provenance of a pair; no path of this machine is in it."""
    return about_text(pair, config) | about_image(pair)


def exported_origin(row: Mapping[str, Any], place: str) -> TextOrigin | None:
    """Return what `about_text` wrote of a text, in a row or an object of any format.

    None where the row is of another program. `place` is where the text stands now, for a text that
    was not imported.
    """
    if not {"caption_id", "decided_by", "text_data"} <= row.keys():
        return None
    # A format that has stand-ins writes no null, and a row of any other has nulls: no text has both
    # a captioner and a place it was imported from.
    filled = all(row[name] is not None for name in OF_TEXT if name in row)
    values = {name: _value(name, row.get(name), filled) for name in OF_TEXT}
    own = {name: value for name, value in values.items() if value is not None}
    before, data = own.pop("text_place", None), own.pop("text_data", None)
    try:
        said = json.loads(data) if isinstance(data, str) else data
    except (ValueError, RecursionError):
        said = data
    # What somebody else wrote there stays as it is.
    kept = said if isinstance(said, dict) else {} if said is None else {"text_data": data}
    if isinstance(before, str):
        place = before
    elif before is not None:
        kept = {**kept, "text_place": before}
    return TextOrigin(place=place, data=_renamed(kept, own) | own)


def _renamed(said: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return what came with a text; what has a name of ours and is something else is called
    `imported_NAME`, and stays the one that came first however often it goes out and in.
    """
    taken = {key for key in said if key in own or key in SCORES}
    others = {key: value for key, value in said.items() if key not in taken}
    renamed = {f"imported_{key}": said[key] for key in taken if said[key] != own.get(key)}
    return renamed | others


def _value(name: str, value: object, filled: bool) -> Any:
    """Return a value as it was before a format spelled it; None where there was none. -1 is a
    cosine, but in a row that was `filled` with stand-ins.
    """
    kind = COLUMN_TYPES[name]
    if value is None or (value == ABSENT[kind] and (filled or kind != "float64")):
        return None
    if isinstance(value, str) and (number := NUMBERS.get(COLUMN_TYPES[name])) is not None:
        try:
            return number(value)  # a cell of a table in text
        except ValueError:
            return None
    return value


def by_image(pairs: Iterable[ExportPair]) -> Iterator[list[ExportPair]]:
    """Yield the pairs of each image together; they come one after the other."""
    for _, group in groupby(pairs, key=attrgetter("image_sha256")):
        yield list(group)


def rows(
    pairs: Iterable[ExportPair], config: ExportConfig
) -> Iterator[tuple[ExportPair, dict[str, Any]]]:
    """Yield a row per pair with `text`, or where lists are asked for one per image with `captions`.

    With each row comes a pair that has its image.
    """
    if config.captions == "rows":
        for pair in pairs:
            yield pair, {"text": pair.text, **about(pair, config)}
        return
    for group in by_image(pairs):
        details = [about_text(pair, config) for pair in group]
        texts = {"captions": [pair.text for pair in group], DETAILS: details}
        yield group[0], texts | about_image(group[0])


def json_line(row: Mapping[str, Any]) -> bytes:
    """Return a row as a line of JSON; line breaks of other scripts are escaped as well."""
    text = json.dumps(row, ensure_ascii=False).replace("\u2028", "\\u2028")
    return text.replace("\u2029", "\\u2029").replace("\x85", "\\u0085").encode() + b"\n"
