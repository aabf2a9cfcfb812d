"""The formats of annotation files in this field; one module each. No torch, no database here."""

from __future__ import annotations

from typing import Any

from blip2core.formats.annotated import AnnotatedImage, JsonFormat
from blip2core.formats.coco import COCO
from blip2core.formats.conversations import CONVERSATIONS
from blip2core.formats.karpathy import KARPATHY
from blip2core.formats.label_studio import LABEL_STUDIO
from blip2core.formats.lavis import LAVIS, LAVIS_VQA
from blip2core.formats.vqa import GQA, VQA

JSON_FORMATS = (KARPATHY, COCO, VQA, LABEL_STUDIO, CONVERSATIONS, LAVIS, LAVIS_VQA, GQA)
"""In the order in which they are tried: the first that fits."""


def format_of(document: Any) -> JsonFormat | None:
    """Return the format of a JSON document; None where it is none of those."""
    return next((one for one in JSON_FORMATS if one.is_it(document)), None)


__all__ = ["JSON_FORMATS", "AnnotatedImage", "JsonFormat", "format_of"]
