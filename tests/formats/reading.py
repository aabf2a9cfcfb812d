"""What a format reads of a document, in a short form."""

import json
from collections import Counter
from dataclasses import replace
from typing import Any

from blip2core.formats import Format, format_of, format_of_row
from blip2core.records import ExportPair


def read(document: Any, format: Format) -> list[tuple[str | None, list[str]]]:
    """Path or address of each image, and its texts; the format is found by itself."""
    found = format_of_row(document[0]) if isinstance(document, list) else format_of(document)
    assert found is format
    return [(one.path or one.url, [text for text, _ in one.texts]) for one in format.read(document)]


def data(document: Any, format: Format) -> list[dict[str, Any]]:
    """What is kept of each text."""
    return [dict(origin.data) for one in format.read(document) for _, origin in one.texts]


def refused(document: Any, format: Format) -> dict[str, int]:
    """How many texts cannot be used, by reason."""
    found: Counter[str] = Counter()
    for one in format.read(document):
        for no in one.refused:
            found[no.reason] += no.count
    return dict(found)


def as_pairs(document: Any, format: Format, pairs: list[ExportPair]) -> list[ExportPair]:
    """The texts of a document as pairs that were accepted, each image of it as one of `pairs`."""
    found: list[ExportPair] = []
    for one, like in zip(format.read(document), pairs, strict=False):
        for text, origin in one.texts:
            said = {"text": text, "text_place": origin.place, "text_data": json.dumps(origin.data)}
            found.append(replace(like, caption_id=len(found) + 1, **said))
    return found
