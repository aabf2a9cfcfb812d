"""The formats of this field, one module each: how it is read, and how pairs are written in it.

No torch and no database here: `blip2core.intake` reads with these modules, and `blip2core.exports`
writes.
"""

from __future__ import annotations

from collections.abc import Mapping
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

FORMATS: dict[str, Format] = {
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
}
"""Those that are written, by name."""
OF_DOCUMENTS = (KARPATHY, COCO, VQA, GQA, TEXT_MAP)
"""Those of one JSON object, in the order in which they are tried: the first that fits."""
OF_ROWS = (CONVERSATIONS, LAVIS_VQA, LABEL_STUDIO, LABEL_STUDIO_MIN)
"""Those of one object of a JSON list, or one row of any table, in the same way."""


def format_of_row(row: Mapping[str, Any]) -> Format | None:
    """Return the format of a row; None where it is one of images and texts, by its columns."""
    return next((one for one in OF_ROWS if one.is_row(row)), None)


def format_of(document: Any) -> Format | None:
    """Return the format of a JSON document; None where it is none of those, or a list of rows."""
    return next((one for one in OF_DOCUMENTS if one.is_it(document)), None)


__all__ = [
    "FORMATS",
    "OF_DOCUMENTS",
    "OF_ROWS",
    "AnnotatedImage",
    "Format",
    "Output",
    "format_of",
    "format_of_row",
]
