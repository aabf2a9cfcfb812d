"""VQAv2, OK-VQA and GQA: questions with the answers of another file, and COCO's file names."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from blip2core.formats.vqa import GQA, VQA, is_vqa_answers
from tests.formats.reading import as_pairs, data, read, refused

QUESTIONS: dict[str, Any] = {
    "data_type": "mscoco",
    "data_subtype": "val2014",
    "questions": [
        {"image_id": 262148, "question": "Where is he looking?", "question_id": 262148000},
        {"image_id": 1, "question": "How many?", "question_id": 1000},
    ],
}
ANSWERS: dict[str, Any] = {
    "annotations": [
        {
            "question_id": 262148000,
            "image_id": 262148,
            "question_type": "none of the above",
            "multiple_choice_answer": "down",
            "answers": [{"answer": "down", "answer_id": 1}, {"answer": "at table"}],
        }
    ]
}


def test_questions_alone_are_no_texts() -> None:
    assert read(QUESTIONS, VQA) == [
        ("COCO_val2014_000000262148.jpg", []),
        ("COCO_val2014_000000000001.jpg", []),
    ]
    assert refused(QUESTIONS, VQA) == {
        "The question has no answer here; give the file of answers too.": 2
    }


def joined(questions: dict[str, Any], *annotations: dict[str, Any]) -> dict[str, Any]:
    return {**questions, "annotations": [*annotations]}


def test_ids_decide_and_none_is_no_id() -> None:
    asked = [{"image_id": 1, "question": "Is it a dog?", "question_id": 1.0}]
    asked += [{"image_id": 2, "question": "Is it a cat?"}]
    given = [{"question_id": 1, "multiple_choice_answer": "yes"}, {"multiple_choice_answer": "no"}]
    document = joined({"questions": asked}, *given)
    assert [texts for _, texts in read(document, VQA)] == [["Is it a dog? yes"], []]
    assert refused(document, VQA) == {"None of the answers that were given is to this question.": 1}


def test_an_answer_about_another_image_is_none() -> None:
    asked = [{"image_id": image, "question": "What?", "question_id": 1} for image in (1, 2)]
    given = {"question_id": 1, "image_id": "2", "answer": "a cat"}
    texts = [texts for _, texts in read(joined({"questions": asked}, given), VQA)]
    assert texts == [[], ["What? a cat"]]


def test_each_answer_is_a_text_and_the_same_question_has_them_once() -> None:
    asked = [{"image_id": 1, "question": "What?", "question_id": 1}] * 2
    given = [{"question_id": 1, "answer": answer} for answer in ("a dog", "a cat")]
    document = joined({"questions": asked}, *given)
    assert [texts for _, texts in read(document, VQA)] == [["What? a dog", "What? a cat"], []]
    assert refused(document, VQA) == {"The question stood here before; its answers are there.": 1}


def test_an_answer_in_the_question_itself() -> None:
    asked = {"image": "1.jpg", "question": "What?", "answers": [{"answer": "a dog"}]}
    assert read({"questions": [asked]}, VQA) == [("1.jpg", ["What? a dog"])]


def test_a_question_that_is_empty_or_no_text_says_so() -> None:
    asked = [{"image_id": 1, "question": what, "answer": "x"} for what in (" ", 5)]
    assert refused({"questions": asked}, VQA) == {
        "The question is empty.": 1,
        "The question is no text.": 1,
    }


def test_with_the_answers_of_the_other_file() -> None:
    assert is_vqa_answers(ANSWERS) and not is_vqa_answers(QUESTIONS)
    document = joined(QUESTIONS, *ANSWERS["annotations"])
    texts = [texts for _, texts in read(document, VQA)]
    assert texts == [["Where is he looking? down"], []]
    assert data(document, VQA)[0] == {
        "question_id": 262148000,
        "question_type": "none of the above",
        "multiple_choice_answer": "down",
        "question": "Where is he looking?",
        "answers": ["down", "at table"],
    }


def test_gqa() -> None:
    document = {
        "02930152": {
            "imageId": "2354786",
            "question": "Is the sky dark?",
            "answer": "yes",
            "fullAnswer": "Yes, the sky is dark.",
            "types": {"structural": "verify"},
        }
    }
    assert read(document, GQA) == [("2354786.jpg", ["Is the sky dark? yes"])]
    assert data(document, GQA)[0]["fullAnswer"] == "Yes, the sky is dark."


def test_an_answer_of_gqa_that_is_no_text_or_not_there() -> None:
    document = {
        str(number): {"imageId": "1", "question": "How many?", **more}
        for number, more in enumerate([{"answer": 3}, {}])
    }
    assert [texts for _, texts in read(document, GQA)] == [["How many? 3"], []]
    assert refused(document, GQA) == {
        "The question has no answer here, so it says nothing of the image.": 1
    }


def test_what_was_read_is_written_as_it_was(written: Callable[..., Any], make_pairs: Any) -> None:
    one, other = make_pairs(2, split="train")[::2]
    document = joined(QUESTIONS, *ANSWERS["annotations"])
    out, manifest, _ = written("vqa", as_pairs(document, VQA, [one, other]))
    questions = json.loads((out / "questions_train.json").read_text("utf-8"))
    annotations = json.loads((out / "annotations_train.json").read_text("utf-8"))
    [question], [annotation] = questions["questions"], annotations["annotations"]
    assert question["question"] == "Where is he looking?"
    assert question["question_id"] == annotation["question_id"] == 1
    assert question["image_id"] == annotation["image_id"] == one.item_id
    assert (out / question["image"]).is_file()
    assert annotation["question_type"] == "none of the above"
    assert annotation["multiple_choice_answer"] == "down"
    assert [given["answer"] for given in annotation["answers"]] == ["down", "at table"]
    assert manifest.data["left_out"] == {}
    assert not (out / "left_out.jsonl").exists()


def test_a_text_that_is_no_question_is_left_out_and_said(
    written: Callable[..., Any], make_pairs: Any
) -> None:
    one, other = make_pairs(1, text_data='{"question": "What is there?"}')
    out, manifest, _ = written("vqa", [one, replace(other, text_data=None)])
    assert manifest.data["left_out"] == {"no question with an answer": 1}
    told = json.loads((out / "left_out.jsonl").read_text("utf-8"))
    assert told["caption_id"] == other.caption_id
