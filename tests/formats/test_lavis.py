"""LAVIS's lists of captions and of questions, and A-OKVQA's."""

from blip2core.formats.lavis import LAVIS, LAVIS_VQA
from tests.formats.reading import data, read


def test_captions() -> None:
    document = [
        {"image": "val2014/1.jpg", "caption": "a dog", "image_id": "coco_1"},
        {"image": "val2014/2.jpg", "caption": ["a cat", "two cats"]},
    ]
    expected = [("val2014/1.jpg", ["a dog"]), ("val2014/2.jpg", ["a cat", "two cats"])]
    assert read(document, LAVIS) == expected
    assert data(document, LAVIS)[0] == {"image_id": "coco_1"}


def test_questions() -> None:
    document = [
        {"image": "1.jpg", "question": "What is it?", "answer": ["a cat", "a dog", "a dog"]},
        {"image": "2.jpg", "question": "Where? ", "answer": "at home", "question_id": 5},
        {"image": "3.jpg", "question": "Why?"},
    ]
    assert read(document, LAVIS_VQA) == [
        ("1.jpg", ["What is it? a dog"]),
        ("2.jpg", ["Where? at home"]),
        ("3.jpg", ["Why?"]),
    ]
    kept = data(document, LAVIS_VQA)
    assert kept[0] == {"question": "What is it?", "answers": ["a cat", "a dog", "a dog"]}
    assert kept[1] == {"question_id": 5, "question": "Where? ", "answers": ["at home"]}


def test_a_okvqa_names_images_by_number() -> None:
    document = [
        {
            "image_id": 299207,
            "question": "What is the man by the bags awaiting?",
            "choices": ["skateboarder", "train", "delivery", "cab"],
            "correct_choice_idx": 3,
            "direct_answers": ["ride", "ride", "bus"],
        }
    ]
    found = [("000000299207.jpg", ["What is the man by the bags awaiting? ride"])]
    assert read(document, LAVIS_VQA) == found
    assert data(document, LAVIS_VQA)[0]["answers"] == ["cab", "ride", "ride", "bus"]
