"""Questions as LAVIS and A-OKVQA have them: a list of objects with question and answers.

https://github.com/salesforce/LAVIS, lavis/datasets/datasets/coco_vqa_datasets.py; Schwenk et al.,
A-OKVQA, ECCV 2022. LAVIS's captions are a table: a list of rows with `image` and `caption`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from blip2core.formats.annotated import (
    AnnotatedImage,
    Refused,
    Text,
    name_or_id,
    rows_of,
    scalars,
    strings,
)
from blip2core.formats.format import Format
from blip2core.formats.nested_texts import spelled
from blip2core.formats.questions import row_question

LISTS = ("choices", "rationales")
"""Lists of texts of A-OKVQA that are kept as data of the question."""


def is_question(row: Mapping[str, Any]) -> bool:
    """Return whether a row is a question about an image."""
    question = row.get("question")
    is_asked = isinstance(question, str) and bool(question.strip())
    return is_asked and any(row.get(name) is not None for name in ("image", "image_id"))


def read_lavis_vqa(document: Any) -> Iterator[AnnotatedImage]:
    """Yield an entry for each question, with its answers."""
    for number, row in enumerate(rows_of(document), start=1):
        found = _question(row)
        yield AnnotatedImage(
            number=number,
            path=_path(row),
            texts=() if isinstance(found, Refused) else (found,),
            refused=(found,) if isinstance(found, Refused) else (),
        )


def _path(row: Mapping[str, Any]) -> str | None:
    """Return the image; A-OKVQA has only its number, by which COCO names the file."""
    if (path := name_or_id(row.get("image"))) is not None:
        return path
    number = row.get("image_id")
    return f"{number:012}.jpg" if isinstance(number, int) and number >= 0 else name_or_id(number)


def _question(row: Mapping[str, Any]) -> Text | Refused:
    """Return a question with its answer: the choice that is marked as correct, else the one that
    most people gave.
    """
    question = row.get("question")
    data = scalars(row, "image", "question", "answer", *LISTS)
    data |= {name: found for name in LISTS if (found := strings(spelled(row.get(name))))}
    asked = question if isinstance(question, str) else ""
    return row_question(asked, row, place="question", data=data)


LAVIS_VQA = Format(label="LAVIS or A-OKVQA questions", is_row=is_question, read=read_lavis_vqa)
