"""LAVIS's annotations: a list of objects with `image` and `caption`, or with question and answer.

https://github.com/salesforce/LAVIS, lavis/datasets/datasets/caption_datasets.py and
coco_vqa_datasets.py; A-OKVQA's own files are such lists, too.
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
from blip2core.formats.questions import question_text
from blip2core.records import TextOrigin


def is_lavis(document: Any) -> bool:
    """Return whether it is a list of images with captions."""
    rows = rows_of(document)
    return bool(rows) and is_row(rows[0], "image", "caption")


def read_lavis(document: Any) -> Iterator[AnnotatedImage]:
    """Yield an entry for each object; `caption` is a text or a list of texts."""
    for number, row in enumerate(rows_of(document), start=1):
        origin = TextOrigin(place="caption", data=scalars(row, "image", "caption"))
        texts = tuple((text, origin) for text in strings(row.get("caption")))
        yield AnnotatedImage(number=number, path=word(row.get("image")), texts=texts)


def is_lavis_vqa(document: Any) -> bool:
    """Return whether it is a list of questions about images."""
    rows = rows_of(document)
    return bool(rows) and (
        is_row(rows[0], "image", "question") or is_row(rows[0], "image_id", "question")
    )


def read_lavis_vqa(document: Any) -> Iterator[AnnotatedImage]:
    """Yield an entry for each question, with its answers."""
    for number, row in enumerate(rows_of(document), start=1):
        yield AnnotatedImage(number=number, path=_path(row), texts=tuple(_texts(row)))


def _path(row: Mapping[str, Any]) -> str | None:
    """Return the image; A-OKVQA has only its number, by which COCO names the file."""
    if (path := word(row.get("image"))) is not None:
        return path
    number = row.get("image_id")
    return f"{number:012}.jpg" if isinstance(number, int) and number >= 0 else word(number)


def _texts(row: Mapping[str, Any]) -> Iterator[Text]:
    question = row.get("question")
    if not isinstance(question, str):
        return
    answers = strings(row.get("answer")) or strings(row.get("direct_answers"))
    choices, correct = strings(row.get("choices")), row.get("correct_choice_idx")
    if isinstance(correct, int) and 0 <= correct < len(choices):
        answers = [choices[correct], *answers]
    data = scalars(row, "image", "question", "answer")
    yield question_text(question, answers, place="question", data=data)


LAVIS = Format(label="LAVIS captions", is_it=is_lavis, read=read_lavis)
LAVIS_VQA = Format(label="LAVIS or A-OKVQA questions", is_it=is_lavis_vqa, read=read_lavis_vqa)
