"""The columns that every format has besides image and text: where both come from."""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from operator import attrgetter
from typing import Any

from blip2core.records import ExportPair

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
)

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


def about_image(pair: ExportPair) -> dict[str, Any]:
    """Return the fields of a pair that its image has."""
    return {name: getattr(pair, name) for name in OF_IMAGE}


def about_text(pair: ExportPair) -> dict[str, Any]:
    """Return the fields of a pair that its text has, the text itself left out."""
    return {name: getattr(pair, name) for name in OF_TEXT}


def about(pair: ExportPair) -> dict[str, Any]:
    """Return all provenance of a pair; no path of this machine is in it."""
    return about_text(pair) | about_image(pair)


def by_image(pairs: Iterable[ExportPair]) -> Iterator[list[ExportPair]]:
    """Yield the pairs of each image together; they come one after the other."""
    for _, group in groupby(pairs, key=attrgetter("image_sha256")):
        yield list(group)


def rows(
    pairs: Iterable[ExportPair], *, lists: bool
) -> Iterator[tuple[ExportPair, dict[str, Any]]]:
    """Yield a row per pair with `text`, or with `lists` one per image with `captions`.

    With each row comes a pair that has its image.
    """
    if not lists:
        for pair in pairs:
            yield pair, {"text": pair.text, **about(pair)}
        return
    for group in by_image(pairs):
        texts = {"captions": [pair.text for pair in group]}
        yield group[0], texts | {"details": list(map(about_text, group))} | about_image(group[0])


def json_line(row: Mapping[str, Any]) -> bytes:
    """Return a row as a line of JSON; line breaks of other scripts are escaped as well."""
    text = json.dumps(row, ensure_ascii=False).replace("\u2028", "\\u2028")
    return text.replace("\u2029", "\\u2029").replace("\x85", "\\u0085").encode() + b"\n"
