"""VQAv2, OK-VQA and GQA: questions with the answers of another file, and COCO's file names."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from blip2core.formats.vqa import GQA, VQA, is_vqa_answers, join_vqa
from tests.formats.reading import as_pairs, data, read, refused

QUESTIONS: dict[str, Any] = {
    "data_type": "mscoco",
    "data_subtype": "val2014",
    "questions": [
        {"image_id": 262148, "question": "Where is he looking?", "question_id": 262148000},
        {"image_id": 1, "question": "How many?", "question_id": 1000},
    ],
}
ANSWERS = {
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
        "The question has no answer here; give the file of answers beside it.": 2
    }


def test_ids_decide_and_none_is_no_id() -> None:
    asked = [{"image_id": 1, "question": "Is it a dog?", "question_id": 1.0}]
    asked += [{"image_id": 2, "question": "Is it a cat?"}]
    given = [{"question_id": 1, "multiple_choice_answer": "yes"}, {"multiple_choice_answer": "no"}]
    joined = join_vqa(join_vqa({"questions": asked}, {"annotations": given}), {"annotations": []})
    assert [texts for _, texts in read(joined, VQA)] == [["Is it a dog? yes"], []]


def test_the_official_answer_wins() -> None:
    answers = [{"answer": "no"}, {"answer": "yes"}]
    given = {"question_id": 1, "multiple_choice_answer": "yes", "answers": answers}
    asked = {"questions": [{"image_id": 1, "question": "Is it?", "question_id": 1}]}
    joined = join_vqa(asked, {"annotations": [given]})
    assert [texts for _, texts in read(joined, VQA)] == [["Is it? yes"]]


def test_with_the_answers_of_the_other_file() -> None:
    assert is_vqa_answers(ANSWERS) and not is_vqa_answers(QUESTIONS)
    joined = join_vqa(QUESTIONS, ANSWERS)
    texts = [texts for _, texts in read(joined, VQA)]
    assert texts == [["Where is he looking? down"], []]
    assert data(joined, VQA)[0] == {
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


def test_what_was_read_is_written_as_it_was(written: Callable[..., Any], make_pairs: Any) -> None:
    one, other = make_pairs(2, split="train")[::2]
    joined = join_vqa(QUESTIONS, ANSWERS)
    out, manifest, _ = written("vqa", as_pairs(joined, VQA, [one, other]))
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
