"""What a format reads of a document, in a short form."""

from typing import Any

from blip2core.formats import Format, format_of


def read(document: Any, format: Format) -> list[tuple[str | None, list[str]]]:
    """Path or address of each image, and its texts; the format is found by itself."""
    assert format_of(document) is format
    return [(one.path or one.url, [text for text, _ in one.texts]) for one in format.read(document)]


def data(document: Any, format: Format) -> list[dict[str, Any]]:
    """What is kept of each text."""
    return [dict(origin.data) for one in format.read(document) for _, origin in one.texts]
