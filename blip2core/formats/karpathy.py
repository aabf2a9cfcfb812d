"""Karpathy's splits of COCO, Flickr30k and Flickr8k: images with `sentences` and a split each.

Karpathy and Fei-Fei, Deep Visual-Semantic Alignments, CVPR 2015: `dataset_coco.json`. An export has
one such file, and the images beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from blip2core.config import ExportConfig
from blip2core.formats.annotated import (
    AnnotatedImage,
    Refused,
    Text,
    extra_of,
    is_row,
    name_or_id,
    origin_of_image,
    rows_of,
    scalars,
    strings,
)
from blip2core.formats.format import Format, Output
from blip2core.formats.rows import about_image, about_text, by_image, exported_origin
from blip2core.formats.split_files import JsonList
from blip2core.records import ExportPair, TextOrigin

PLACE = "sentences"
WORDS = re.compile(r"[^\W_]+")
SPLITS = {"validation": "val"}
"""Names of splits that are others here; Karpathy's `restval` is training data, too."""


def is_karpathy(document: Any) -> bool:
    """Return whether it has images, one of which has sentences."""
    images = rows_of(document["images"]) if is_row(document, "images") else []
    return any("sentences" in image for image in images)


def read_karpathy(document: Any) -> Iterator[AnnotatedImage]:
    """Yield each image with its sentences, as they were written and not as words (`raw`)."""
    for number, row in enumerate(rows_of(document["images"]), start=1):
        name, folder = name_or_id(row.get("filename")), name_or_id(row.get("filepath"))
        split = name_or_id(row.get("split"))
        sentences = row.get("sentences")
        if sentences is not None and not isinstance(sentences, list):
            sentences = [sentences]
        found = [_read_sentence(one, split) for one in sentences or []]
        texts = tuple(text for text in found if text is not None)
        lost = len(found) - len(texts)
        yield AnnotatedImage(
            number=number,
            path=f"{folder}/{name}" if folder and name else name,
            texts=texts,
            refused=(Refused("The sentence has no text.", lost),) if lost else (),
            **origin_of_image(extra_of(row)),
        )


def _read_sentence(sentence: object, split: str | None) -> Text | None:
    """Return a sentence as it was written; of one that has only its words, these."""
    of_image = {"split": split} if split else {}
    if isinstance(sentence, str):
        return sentence, TextOrigin(place=PLACE, data=of_image)
    if not isinstance(sentence, Mapping):
        return None
    raw = sentence.get("raw")
    text = raw if isinstance(raw, str) else " ".join(strings(sentence.get("tokens")))
    data = of_image | scalars(sentence, "raw")
    origin = exported_origin(extra_of(sentence), PLACE) or TextOrigin(place=PLACE, data=data)
    return (text, origin) if isinstance(raw, str) or text else None


def write_karpathy(pairs: Iterable[ExportPair], output: Output, config: ExportConfig) -> None:
    """Write `dataset.json`, which names `images/ab/ab12….jpg` by `filepath` and `filename`.

    `tokens` are the words of a sentence in lower case without punctuation, as Karpathy's are.
    """
    with output.open("dataset.json") as file:
        file.write(b'{"dataset":"blip2-studio","images":')
        images = JsonList(file)
        for group in by_image(pairs):
            image = group[0]
            folder, _, name = f"images/{output.add_image(image, 'images')}".rpartition("/")
            row = {
                "filepath": folder,
                "filename": name,
                "imgid": image.item_id,
                "split": SPLITS.get(image.split, image.split),
                "sentids": [pair.caption_id for pair in group],
                "sentences": [_sentence(pair, config) for pair in group],
                "extra": about_image(image),
            }
            images.add(row)
        images.close()
        file.write(b"}\n")


def _sentence(pair: ExportPair, config: ExportConfig) -> dict[str, Any]:
    return {
        "raw": pair.text,
        "tokens": WORDS.findall(pair.text.lower()),
        "imgid": pair.item_id,
        "sentid": pair.caption_id,
        "extra": about_text(pair, config),
    }


KARPATHY = Format(
    label="Karpathy split",
    is_it=is_karpathy,
    read=read_karpathy,
    write=write_karpathy,
    what="One `dataset.json` of images with `sentences` and a split (`train`, `val`, `test`); the "
    "files lie in `images`, and where a text comes from stands under `extra`.",
    example='json.load(open("FOLDER/dataset.json"))["images"]',
)
