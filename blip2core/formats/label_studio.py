"""Label Studio: its export as JSON, tasks with annotations and predictions. JSON_MIN is a table.

https://labelstud.io/guide/export, template "Image Captioning": a TextArea named `caption`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from blip2core.formats.annotated import (
    AnnotatedImage,
    Text,
    is_row,
    rows_of,
    scalars,
    strings,
    word,
)
from blip2core.formats.format import Format
from blip2core.records import TextOrigin

IMAGE_KEYS = ("image", "img", "url", "picture", "photo")
"""Keys of a task's data that name its image; else it is the only one."""
UPLOADED = "/data/upload/"
LOCAL = "/data/local-files/?d="
"""How Label Studio names what was uploaded to it, and what lies in a storage of its own."""


def is_label_studio(document: Any) -> bool:
    """Return whether it is a list of tasks."""
    rows = rows_of(document)
    return bool(rows) and is_row(rows[0], "data") and ("annotations" in rows[0] or "id" in rows[0])


def read_label_studio(document: Any) -> Iterator[AnnotatedImage]:
    """Yield each task with the texts of its annotations, then those of its predictions.

    Annotations that were cancelled (skipped tasks) are none.
    """
    for number, row in enumerate(rows_of(document), start=1):
        data = row.get("data")
        image = _image(data if isinstance(data, Mapping) else {})
        texts = [
            text
            for kind in ("annotations", "predictions")
            for one in rows_of(row.get(kind))
            if not one.get("was_cancelled")
            for text in _texts(one, kind)
        ]
        is_url = image is not None and image.startswith(("http://", "https://"))
        yield AnnotatedImage(
            number=number,
            path=None if is_url or image is None else local_path(image),
            url=image if is_url else None,
            texts=tuple(texts),
        )


def local_path(image: str) -> str:
    """Return the path of an image that lies with Label Studio: /data/upload/3/a1b2-dog.jpg."""
    for start in (LOCAL, UPLOADED):
        if image.startswith(start):
            return image.removeprefix(start)
    return image


def _image(data: Mapping[str, Any]) -> str | None:
    named = [value for key in IMAGE_KEYS if (value := word(data.get(key)))]
    words = [value for value in map(word, data.values()) if value]
    return named[0] if named else (words[0] if len(words) == 1 else None)


def _texts(annotation: Mapping[str, Any], kind: str) -> Iterator[Text]:
    about = scalars(annotation, "result", "draft_created_at")
    for result in rows_of(annotation.get("result")):
        value = result.get("value")
        if not isinstance(value, Mapping):
            continue
        place = f"{kind}: {word(result.get('from_name')) or 'text'}"
        data = about | scalars(result, "value", "type")
        for text in strings(value.get("text")):
            yield text, TextOrigin(place=place, data=data)


LABEL_STUDIO = Format(label="Label Studio", is_it=is_label_studio, read=read_label_studio)
