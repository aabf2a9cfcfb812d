"""The formats of this field, one module each: how it is read, and how pairs are written in it.

No torch and no database here: `blip2core.intake` reads with these modules, and `blip2core.exports`
writes.
"""

from __future__ import annotations

from typing import Any

from blip2core.formats.annotated import AnnotatedImage
from blip2core.formats.coco import COCO
from blip2core.formats.conversations import CONVERSATIONS
from blip2core.formats.csv import CSV
from blip2core.formats.format import Format, Output
from blip2core.formats.imagefolder import IMAGEFOLDER
from blip2core.formats.jsonl import JSONL
from blip2core.formats.karpathy import KARPATHY
from blip2core.formats.label_studio import LABEL_STUDIO, LABEL_STUDIO_MIN
from blip2core.formats.lavis import LAVIS_VQA
from blip2core.formats.parquet import PARQUET
from blip2core.formats.sidecars import SIDECARS
from blip2core.formats.text_maps import TEXT_MAP
from blip2core.formats.vqa import GQA, VQA
from blip2core.formats.webdataset import WEBDATASET

ALL_FORMATS: dict[str, Format] = {
    "imagefolder": IMAGEFOLDER,
    "webdataset": WEBDATASET,
    "coco": COCO,
    "karpathy": KARPATHY,
    "parquet": PARQUET,
    "llava": CONVERSATIONS,
    "jsonl": JSONL,
    "csv": CSV,
    "sidecars": SIDECARS,
    "vqa": VQA,
    "label-studio": LABEL_STUDIO,
    "label-studio-min": LABEL_STUDIO_MIN,
    "lavis-vqa": LAVIS_VQA,
    "gqa": GQA,
    "text-map": TEXT_MAP,
}
"""By name; `blip2core.exports.FORMATS` are those that are written."""
JSON_FORMATS = (
    *(KARPATHY, COCO, VQA, LABEL_STUDIO, LABEL_STUDIO_MIN, CONVERSATIONS),
    *(LAVIS_VQA, GQA, TEXT_MAP),
)
"""Those of one JSON document, in the order in which they are tried: the first that fits."""


OF_LINES = (CONVERSATIONS, LAVIS_VQA, LABEL_STUDIO, LABEL_STUDIO_MIN)
"""Those whose entries also stand in the lines of a .jsonl; others are tables there."""


def format_of_line(row: Any) -> Format | None:
    """Return the format of a line of a .jsonl; None where it is a row of a table."""
    return next((one for one in OF_LINES if one.is_it([row])), None)


def format_of(document: Any) -> Format | None:
    """Return the format of a JSON document; None where it is none of those."""
    return next((one for one in JSON_FORMATS if one.is_it(document)), None)


__all__ = [
    "ALL_FORMATS",
    "JSON_FORMATS",
    "AnnotatedImage",
    "Format",
    "Output",
    "format_of",
    "format_of_line",
]
