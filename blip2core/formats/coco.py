"""COCO captions: `images`, and `annotations` with a caption each; NoCaps has the same.

Chen et al., Microsoft COCO Captions, arXiv:1504.00325; https://cocodataset.org/#format-data. An
export has a JSON file per split, which pycocotools reads, and the images beside it.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from blip2core.config import ExportConfig
from blip2core.file_names import safe_name
from blip2core.formats.annotated import (
    AnnotatedImage,
    Refused,
    Text,
    extra_of,
    is_row,
    name_or_id,
    rows_of,
    scalars,
)
from blip2core.formats.format import Format, Output
from blip2core.formats.nested_texts import nested_parts, nested_texts
from blip2core.formats.rows import OF_IMAGE, about_text, by_image, exported_origin
from blip2core.formats.split_files import JsonList, PerSplit
from blip2core.records import ExportPair, TextOrigin

PLACE = "annotations"
NO_CAPTION = "annotation without a caption"
SAME_ID = "Another image has the same id; the captions of the id were taken for that one."


def is_coco(document: Any) -> bool:
    """Return whether it has images, and annotations of which one is a caption, or none at all."""
    if not is_row(document, "images", "annotations"):
        return False
    images, annotations = document["images"], document["annotations"]
    if not isinstance(images, list) or not isinstance(annotations, list):
        return False
    return not annotations or any(is_row(one, "caption") for one in annotations)


def read_coco(document: Any) -> Iterator[AnnotatedImage]:
    """Yield each image with its captions, be they annotations or stand with the image itself; then
    the captions whose image is not listed.
    """
    licenses = {
        name_or_id(row.get("id")): name_or_id(row.get("url")) or name_or_id(row.get("name"))
        for row in rows_of(document.get("licenses"))
    }
    texts: dict[str | None, list[Text]] = {}
    no_text, no_caption = Counter[str | None](), Counter[str | None]()
    for row in rows_of(document["annotations"]):
        if "caption" not in row and "text" not in row:
            no_caption[name_or_id(row.get("image_id"))] += 1
            continue
        origin = exported_origin(extra_of(row), PLACE)
        if origin is None:
            data = scalars(row, "caption", "image_id") | scalars(extra_of(row), *OF_IMAGE)
            origin = TextOrigin(place=PLACE, data=data)
        parts = [*nested_parts(row.get("caption", row.get("text")))]
        captions = [part for part in parts if part is not None]
        image = name_or_id(row.get("image_id"))
        for caption in captions:
            texts.setdefault(image, []).append((caption, origin))
        if lost := len(parts) - len(captions) or (not captions):
            no_text[image] += lost
    number, seen = 0, set[str | None]()
    for number, row in enumerate(rows_of(document["images"]), start=1):
        image = name_or_id(row.get("id"))
        lost = 0 if image is None else no_text.pop(image, 0)
        is_again = image is not None and image in seen
        seen.add(image)
        origin = TextOrigin(place="images", data={} if image is None else {"image_id": image})
        own = [(text, origin) for text in nested_texts(row.get("caption"))]
        yield AnnotatedImage(
            number=number,
            path=name_or_id(row.get("file_name")),
            url=name_or_id(row.get("coco_url")) or name_or_id(row.get("flickr_url")),
            texts=(*(() if image is None else texts.pop(image, ())), *own),
            refused=(Refused("The caption is no text.", lost),) if lost else (),
            not_used=(NO_CAPTION,) * (0 if image is None else no_caption.pop(image, 0)),
            notes=(SAME_ID,) if is_again else (),
            page_url=name_or_id(extra_of(row).get("page_url")),
            license=licenses.get(name_or_id(row.get("license"))),
        )
    for image in dict.fromkeys((*texts, *no_text, *no_caption)):
        number += 1
        lost = no_text[image]
        yield AnnotatedImage(
            number=number,
            texts=tuple(texts.get(image, ())),
            refused=(Refused("The caption is no text.", lost),) if lost else (),
            not_used=(NO_CAPTION,) * no_caption[image],
            missing="The annotation has no image_id."
            if image is None
            else f"The file lists no image with the id {safe_name(str(image), limit=40)}.",
        )


class _Annotations:
    """A JSON file that grows by `images`, while `annotations` wait in a scratch file."""

    def __init__(self, file: BinaryIO, scratch: BinaryIO, config: ExportConfig) -> None:
        self._file, self._scratch, self._config = file, scratch, config
        self._licenses: dict[str, int] = {}
        self._file.write(b'{"info":{"description":"Image captions"},"images":')
        self._images, self._annotations = JsonList(file), JsonList(scratch)

    def add(self, group: list[ExportPair], file_name: str) -> None:
        """Add an image with its texts."""
        pair = group[0]
        image: dict[str, Any] = {
            "id": pair.item_id,
            "file_name": file_name,
            "width": pair.width,
            "height": pair.height,
        }
        if pair.license:
            image["license"] = self._licenses.setdefault(pair.license, len(self._licenses) + 1)
        if pair.url:
            image["coco_url"] = pair.url
        image["extra"] = {"image_sha256": pair.image_sha256, "page_url": pair.page_url}
        self._images.add(image)
        for pair in group:
            annotation = {"id": pair.caption_id, "image_id": pair.item_id, "caption": pair.text}
            self._annotations.add(annotation | {"extra": about_text(pair, self._config)})

    def finish(self) -> None:
        """Append the annotations and the licences to the file with the images, and end it."""
        licenses = [
            {
                "id": number,
                "name": name,
                "url": name if name.startswith(("http://", "https://")) else "",
            }
            for name, number in self._licenses.items()
        ]
        self._images.close()
        self._annotations.close()
        self._file.write(b',"annotations":')
        self._scratch.seek(0)
        shutil.copyfileobj(self._scratch, self._file)
        self._file.write(
            b',"licenses":' + json.dumps(licenses, ensure_ascii=False).encode() + b"}\n"
        )


def write_coco(pairs: Iterable[ExportPair], output: Output, config: ExportConfig) -> None:
    """Write a COCO file per split; `annotations/captions_train.json` names `train/ab/ab12….jpg` as
    `ab/ab12….jpg`.
    """

    @contextmanager
    def opened(split: str) -> Iterator[_Annotations]:
        name = f"annotations/captions_{split}.json"
        with output.open(name) as file, output.scratch() as scratch:
            annotations = _Annotations(file, scratch, config)
            yield annotations
            annotations.finish()

    with PerSplit(opened) as splits:
        for group in by_image(pairs):
            name = output.add_image(group[0], group[0].split)
            splits[group[0].split].add(group, name)


COCO = Format(
    label="COCO captions",
    is_it=is_coco,
    read=read_coco,
    write=write_coco,
    what="`annotations/captions_SPLIT.json` as COCO has it, images in a folder per split; where "
    "a text comes from stands under `extra`.",
    example='pycocotools.coco.COCO("FOLDER/annotations/captions_train.json")',
)
