"""COCO captions, also as NoCaps has them: `images`, and `annotations` with a caption each.

Chen et al., Microsoft COCO Captions, arXiv:1504.00325; https://cocodataset.org/#format-data.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from blip2core.formats.annotated import (
    AnnotatedImage,
    JsonFormat,
    Text,
    is_row,
    rows_of,
    scalars,
    word,
)
from blip2core.records import TextOrigin


def is_coco(document: Any) -> bool:
    """Return whether it has images, and annotations that are captions or none at all."""
    if not is_row(document, "images", "annotations"):
        return False
    annotations = rows_of(document["annotations"])
    return not annotations or "caption" in annotations[0]


def read_coco(document: Any) -> Iterator[AnnotatedImage]:
    """Yield each image with its captions, then the captions whose image is not listed."""
    licenses = {
        word(row.get("id")): word(row.get("url")) or word(row.get("name"))
        for row in rows_of(document.get("licenses"))
    }
    texts: dict[str | None, list[Text]] = {}
    for row in rows_of(document["annotations"]):
        if isinstance(caption := row.get("caption"), str):
            data = scalars(row, "caption", "image_id") | scalars(_extra(row), "width", "height")
            origin = TextOrigin(place="annotations", data=data)
            texts.setdefault(word(row.get("image_id")), []).append((caption, origin))
    number = 0
    for number, row in enumerate(rows_of(document["images"]), start=1):
        yield AnnotatedImage(
            number=number,
            path=word(row.get("file_name")),
            url=word(row.get("coco_url")) or word(row.get("flickr_url")),
            texts=tuple(texts.pop(word(row.get("id")), ())),
            license=licenses.get(word(row.get("license"))),
        )
    for left in texts.values():
        number += 1
        yield AnnotatedImage(number=number, texts=tuple(left))


def _extra(row: Any) -> Any:
    extra = row.get("extra")
    return extra if isinstance(extra, dict) else {}


COCO = JsonFormat(label="COCO captions", is_it=is_coco, read=read_coco)
