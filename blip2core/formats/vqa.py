"""VQAv2 and OK-VQA: a file of questions and one of annotations; GQA: one object by question.

Goyal et al., Making the V in VQA Matter, CVPR 2017, https://visualqa.org/download.html; Marino et
al., OK-VQA, CVPR 2019; Hudson and Manning, GQA, CVPR 2019. An export has both files of
VQAv2 for each split, and the images beside them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
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
)
from blip2core.formats.format import Format, Output
from blip2core.formats.questions import (
    NO_ANSWER,
    Question,
    answers_in,
    question_of,
    question_text,
)
from blip2core.formats.rows import about, exported_origin
from blip2core.formats.split_files import JsonList, LeftOut, PerSplit
from blip2core.records import ExportPair

PLACE = "questions"
NO_ANSWERS = "The question has no answer here; give the file of answers too."
NONE_FITS = "None of the answers that were given is to this question."
AGAIN = "The question stood here before; its answers are there."
Key = tuple[str | None, str | None]
"""`question_id` and `image_id`."""


def is_vqa(document: Any) -> bool:
    """Return whether it has questions about images, whose answers may be another document's."""
    rows = rows_of(document["questions"]) if is_row(document, "questions") else []
    return any(is_question(row) for row in rows)


def is_question(row: object) -> bool:
    """Return whether a row asks about an image."""
    return is_row(row, "question") and (is_row(row, "image_id") or is_row(row, "image"))


def answer_rows(document: Any) -> list[Mapping[str, Any]]:
    """Return the answers of a document that has no questions itself: `annotations`, or a list as
    https://visualqa.org/evaluation.html has it, [{"question_id": 1, "answer": "dog"}]; none where
    it is neither.
    """
    if isinstance(document, Mapping) and "questions" not in document:
        rows = rows_of(document.get("annotations"))
        return rows if any(map(_is_answer, rows)) else []
    rows = rows_of(document)
    return rows if rows and all(map(_is_answer, rows)) else []


def is_vqa_answers(document: Any) -> bool:
    """Return whether it has answers to the questions of another document."""
    return bool(answer_rows(document))


def _is_answer(row: Mapping[str, Any]) -> bool:
    names = row.keys()
    given = not names.isdisjoint(("answers", "multiple_choice_answer", "answer"))
    return given and "question_id" in names and names.isdisjoint(("question", "image"))


def question_key(row: Mapping[str, Any]) -> Key:
    """Return the ids by which an answer and its question know each other."""
    return name_or_id(row.get("question_id")), name_or_id(row.get("image_id"))


def match_answers(
    questions: Iterable[Mapping[str, Any]], answers: Iterable[Mapping[str, Any]]
) -> dict[int, list[Mapping[str, Any]]]:
    """Return the answers to each question that has some, by its place: those of its id, but for
    those about another image. Of equal questions the first has all of them.
    """
    places: dict[Key, int] = {}
    of_id: dict[str, int] = {}
    for place, row in enumerate(questions):
        number, image = question_key(row)
        if number is not None:
            places.setdefault((number, image), place)
            of_id.setdefault(number, place)
    found: dict[int, list[Mapping[str, Any]]] = {}
    for answer in answers:
        number, image = question_key(answer)
        if image is None:
            at = of_id.get(number or "")
        else:
            at = places.get((number, image), places.get((number, None)))
        if at is not None:
            found.setdefault(at, []).append(answer)
    return found


def read_vqa(document: Any) -> Iterator[AnnotatedImage]:
    """Yield each question as an entry of its image, with a text for each of the `annotations` that
    answer it; without those, with the answer in the question itself.
    """
    questions, annotations = rows_of(document["questions"]), rows_of(document.get("annotations"))
    matched = match_answers(questions, annotations)
    answered = {question_key(questions[place]) for place in matched}
    subset = name_or_id(document.get("data_subtype"))
    for place, row in enumerate(questions):
        given = matched.get(place, [])
        found: list[Text | Refused] = [_text(row, one) for one in given or [{}]]
        if not given and found == [Refused(NO_ANSWER)]:
            is_again = question_key(row) in answered
            found = [Refused(AGAIN if is_again else NONE_FITS if annotations else NO_ANSWERS)]
        yield AnnotatedImage(
            number=place + 1,
            path=name_or_id(row.get("image")) or image_name(row, subset),
            texts=tuple(one for one in found if not isinstance(one, Refused)),
            refused=tuple(one for one in found if isinstance(one, Refused)),
            **origin_of_image(extra_of(given[0] if given else {})),
        )


def image_name(row: Mapping[str, Any], subset: str | None) -> str | None:
    """Return the file name that COCO gives an image: COCO_val2014_000000262148.jpg."""
    number = row.get("image_id")
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        return name_or_id(number)
    return f"COCO_{subset}_{number:012}.jpg" if subset else f"{number:012}.jpg"


def _text(row: Mapping[str, Any], annotation: Mapping[str, Any]) -> Text | Refused:
    question = row.get("question")
    if not isinstance(question, str):
        return Refused("The question is no text.")
    data = scalars(row, "question", "image_id", "image")
    data |= scalars(annotation, "image_id", "question_id")
    said = annotation or row
    answers = [*answers_in(said.get("answer")), *answers_in(said.get("answers"))]
    best = answers_in(said.get("multiple_choice_answer"))
    found = question_text(question, answers, place=PLACE, data=data, best=best[0] if best else None)
    if isinstance(found, Refused):
        return found
    text, origin = found
    extra = extra_of(annotation)
    return _whole(text, extra), exported_origin(extra, PLACE) or origin


def _whole(text: str, extra: Mapping[str, Any]) -> str:
    """Return the text as it was before an export cut it into question and answer."""
    whole = extra.get("text")
    same = isinstance(whole, str) and " ".join(text.split()).endswith(" ".join(whole.split()))
    return str(whole) if same else text


def write_vqa(pairs: Iterable[ExportPair], output: Output, config: ExportConfig) -> None:
    """Write `questions_train.json` and `annotations_train.json`, and so on for each split.

    `image` of a question is `images/ab/ab12….jpg`; COCO's numbers, from which VQA's own tools make
    a file name, are not those of the items. A text that was not imported as a question is left out
    and named in `left_out.jsonl`.
    """

    @contextmanager
    def opened(split: str) -> Iterator[tuple[JsonList, JsonList]]:
        subset = json.dumps(split)
        about = f'"data_type":"blip2-studio","data_subtype":{subset},"info":{{}},"license":{{}}'
        with (
            output.open(f"questions_{split}.json") as questions,
            output.open(f"annotations_{split}.json") as annotations,
        ):
            questions.write(f'{{{about},"task_type":"Open-Ended","questions":'.encode())
            annotations.write(f'{{{about},"annotations":'.encode())
            lists = JsonList(questions), JsonList(annotations)
            yield lists
            for one, file in zip(lists, (questions, annotations), strict=True):
                one.close()
                file.write(b"}\n")

    with PerSplit(opened) as splits, LeftOut(output) as left_out:
        for pair in pairs:
            if (asked := question_of(pair)) is None:
                left_out.add(pair, "no question with an answer")
                continue
            image = f"images/{output.add_image(pair, 'images')}"
            questions, annotations = splits[pair.split]
            questions.add(_question(pair, asked, image))
            annotations.add(_annotation(pair, asked, config))


def _question(pair: ExportPair, asked: Question, image: str) -> dict[str, Any]:
    return {
        "image_id": pair.item_id,
        "question": asked.question,
        "question_id": pair.caption_id,
        "image": image,
    }


def _annotation(pair: ExportPair, asked: Question, config: ExportConfig) -> dict[str, Any]:
    return {
        "question_id": pair.caption_id,
        "image_id": pair.item_id,
        "question_type": str(asked.data.get("question_type", "")),
        "answer_type": str(asked.data.get("answer_type", "")),
        "multiple_choice_answer": asked.answer,
        "answers": [
            {"answer": answer, "answer_confidence": "yes", "answer_id": number}
            for number, answer in enumerate(asked.answers, start=1)
        ],
        "extra": {"text": pair.text, **about(pair, config)},
    }


def is_gqa(document: Any) -> bool:
    """Return whether it is an object of questions by their ids."""
    if not isinstance(document, Mapping) or not document:
        return False
    return is_row(next(iter(document.values())), "imageId", "question")


def read_gqa(document: Any) -> Iterator[AnnotatedImage]:
    """Yield each question as an entry of its image, whose file is named by its id."""
    for number, (key, row) in enumerate(document.items(), start=1):
        row = row if isinstance(row, Mapping) else {}
        name, question = name_or_id(row.get("imageId")), row.get("question")
        data = {"question_id": str(key)} | scalars(row, "imageId", "question", "answer")
        asked = question if isinstance(question, str) else ""
        found = question_text(asked, answers_in(row.get("answer")), place="question", data=data)
        yield AnnotatedImage(
            number=number,
            path=f"{name}.jpg" if name else None,
            texts=() if isinstance(found, Refused) else (found,),
            refused=(found,) if isinstance(found, Refused) else (),
        )


VQA = Format(
    label="VQAv2 or OK-VQA questions",
    is_it=is_vqa,
    read=read_vqa,
    write=write_vqa,
    what="`questions_SPLIT.json` and `annotations_SPLIT.json` as VQAv2 has them, of the texts that "
    "were imported as questions; images lie in `images`, named by `image` of a question.",
    example='json.load(open("FOLDER/questions_train.json"))["questions"]',
)
GQA = Format(label="GQA questions", is_it=is_gqa, read=read_gqa)
