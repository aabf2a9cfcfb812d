"""Karpathy's splits of COCO, Flickr30k and Flickr8k: images with `sentences` and a split each.

Karpathy and Fei-Fei, Deep Visual-Semantic Alignments, CVPR 2015: `dataset_coco.json`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from blip2core.formats.annotated import AnnotatedImage, is_row, rows_of, scalars, word
from blip2core.formats.format import Format
from blip2core.records import TextOrigin


def is_karpathy(document: Any) -> bool:
    """Return whether the first image has sentences."""
    images = rows_of(document["images"]) if is_row(document, "images") else []
    return bool(images) and "sentences" in images[0]


def read_karpathy(document: Any) -> Iterator[AnnotatedImage]:
    """Yield each image with its sentences, as they were written and not as words (`raw`)."""
    for number, row in enumerate(rows_of(document["images"]), start=1):
        name, folder = word(row.get("filename")), word(row.get("filepath"))
        texts = tuple(
            (raw, TextOrigin(place="sentences", data=scalars(sentence, "raw")))
            for sentence in rows_of(row.get("sentences"))
            if isinstance(raw := sentence.get("raw"), str)
        )
        yield AnnotatedImage(
            number=number,
            path=f"{folder}/{name}" if folder and name else name,
            texts=texts,
            split=word(row.get("split")),
        )


KARPATHY = Format(label="Karpathy split", is_it=is_karpathy, read=read_karpathy)
