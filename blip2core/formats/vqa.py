"""VQAv2 and OK-VQA: a file of questions and one of annotations; GQA: one object by question.

Goyal et al., Making the V in VQA Matter, CVPR 2017, https://visualqa.org/download.html; Marino et
al., OK-VQA, CVPR 2019; Hudson and Manning, GQA, CVPR 2019.
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
    word,
)
from blip2core.formats.format import Format
from blip2core.formats.questions import question_text


def is_vqa(document: Any) -> bool:
    """Return whether it has questions about images; `join_vqa` puts their answers there."""
    rows = rows_of(document["questions"]) if is_row(document, "questions") else []
    return bool(rows) and is_row(rows[0], "image_id", "question")


def is_vqa_answers(document: Any) -> bool:
    """Return whether it is the file of annotations, which has no questions itself."""
    rows = rows_of(document["annotations"]) if is_row(document, "annotations") else []
    return bool(rows) and is_row(rows[0], "question_id", "answers") and "questions" not in document


def join_vqa(questions: Any, answers: Any) -> dict[str, Any]:
    """Return the questions with the annotations beside them, matched by `question_id`."""
    return {**questions, "annotations": [*rows_of(answers.get("annotations"))]}


def read_vqa(document: Any) -> Iterator[AnnotatedImage]:
    """Yield each question as an entry of its image."""
    annotations = {
        word(row.get("question_id")): row for row in rows_of(document.get("annotations"))
    }
    subset = word(document.get("data_subtype"))
    for number, row in enumerate(rows_of(document["questions"]), start=1):
        annotation = annotations.get(word(row.get("question_id")), {})
        texts = tuple(_texts(row, annotation))
        yield AnnotatedImage(number=number, path=image_name(row, subset), texts=texts)


def image_name(row: Mapping[str, Any], subset: str | None) -> str | None:
    """Return the file name that COCO gives an image: COCO_val2014_000000262148.jpg."""
    number = row.get("image_id")
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        return word(number)
    return f"COCO_{subset}_{number:012}.jpg" if subset else f"{number:012}.jpg"


def _texts(row: Mapping[str, Any], annotation: Mapping[str, Any]) -> Iterator[Text]:
    question = row.get("question")
    if not isinstance(question, str):
        return
    answers = [
        answer
        for given in rows_of(annotation.get("answers"))
        if isinstance(answer := given.get("answer"), str)
    ]
    best = annotation.get("multiple_choice_answer")
    if isinstance(best, str) and best not in answers:
        answers = [best, *answers]
    data = scalars(row, "question", "image_id") | scalars(annotation, "image_id", "question_id")
    yield question_text(question, answers, place="questions", data=data)


def is_gqa(document: Any) -> bool:
    """Return whether it is an object of questions by their ids."""
    if not isinstance(document, Mapping) or not document:
        return False
    return is_row(next(iter(document.values())), "imageId", "question")


def read_gqa(document: Any) -> Iterator[AnnotatedImage]:
    """Yield each question as an entry of its image, whose file is named by its id."""
    for number, (key, row) in enumerate(document.items(), start=1):
        row = row if isinstance(row, Mapping) else {}
        name, question = word(row.get("imageId")), row.get("question")
        texts: tuple[Text, ...] = ()
        if isinstance(question, str):
            answer = row.get("answer")
            data = {"question_id": str(key)} | scalars(row, "imageId", "question", "answer")
            answers = [answer] if isinstance(answer, str) else []
            texts = (question_text(question, answers, place="question", data=data),)
        yield AnnotatedImage(number=number, path=f"{name}.jpg" if name else None, texts=texts)


VQA = Format(label="VQAv2 or OK-VQA questions", is_it=is_vqa, read=read_vqa)
GQA = Format(label="GQA questions", is_it=is_gqa, read=read_gqa)
