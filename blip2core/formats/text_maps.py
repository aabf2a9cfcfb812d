"""One object with a text for each image: `{"1.jpg": "a dog"}`, and kohya's meta_cap.json.

https://github.com/kohya-ss/sd-scripts, finetune/merge_captions_to_metadata.py: the name or path of
an image, in older files without its ending, and an object with `caption`, `tags` or both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from blip2core.file_names import suffix
from blip2core.formats.annotated import AnnotatedImage, Refused, scalars
from blip2core.formats.files import INTAKE_SUFFIXES
from blip2core.formats.format import Format
from blip2core.formats.nested_texts import nested_parts
from blip2core.records import TextOrigin

TEXT_FIELDS = ("caption", "tags")
"""Fields of kohya's objects that are texts."""
TRIED = 20
"""Images of which each has to be as the format has it."""


def is_text_map(document: Any) -> bool:
    """Return whether it is an object of texts by the names of images, or one of kohya's."""
    if not isinstance(document, Mapping) or not document:
        return False
    of_kohya = all(isinstance(value, Mapping) for value in _first(document.values()))
    if of_kohya:
        return any(name in value for value in _first(document.values()) for name in TEXT_FIELDS)
    are_texts = all(isinstance(value, str | list) for value in _first(document.values()))
    return are_texts and names_images(document)


def names_images(document: Mapping[str, Any]) -> bool:
    """Return whether the keys of an object are file names of images, with their endings."""
    return all(suffix(str(name)) in INTAKE_SUFFIXES for name in _first(document))


def read_text_map(document: Any) -> Iterator[AnnotatedImage]:
    """Yield each image with its text or texts; what else kohya says of it is kept as data."""
    for number, (name, value) in enumerate(document.items(), start=1):
        said = value if isinstance(value, Mapping) else {"text": value}
        data = scalars(value, *TEXT_FIELDS) if isinstance(value, Mapping) else {}
        fields = TEXT_FIELDS if isinstance(value, Mapping) else ("text",)
        parts = [(part, field) for field in fields for part in nested_parts(said.get(field))]
        texts = [
            (part, TextOrigin(place=field, data=data)) for part, field in parts if part is not None
        ]
        lost = len(parts) - len(texts)
        yield AnnotatedImage(
            number=number,
            path=str(name),
            texts=tuple(texts),
            refused=(Refused("What stands for this image is no text.", lost),) if lost else (),
        )


def _first(values: Any) -> list[Any]:
    return list(islice(values, TRIED))


TEXT_MAP = Format(label="texts by name of image", is_it=is_text_map, read=read_text_map)
