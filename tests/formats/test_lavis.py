"""Questions of LAVIS and A-OKVQA: the correct answer, else the one that most people gave."""

import pytest

from blip2core.formats.lavis import LAVIS_VQA
from tests.formats.reading import data, read, refused


def test_questions() -> None:
    document = [
        {"image": "1.jpg", "question": "What is it?", "answer": ["a cat", "a dog", "a dog"]},
        {"image": "2.jpg", "question": "Where? ", "answer": "at home", "question_id": 5},
    ]
    assert read(document, LAVIS_VQA) == [
        ("1.jpg", ["What is it? a dog"]),
        ("2.jpg", ["Where? at home"]),
    ]
    kept = data(document, LAVIS_VQA)
    assert kept[0] == {"question": "What is it?", "answers": ["a cat", "a dog", "a dog"]}
    assert kept[1] == {"question_id": 5, "question": "Where? ", "answers": ["at home"]}


@pytest.mark.parametrize("answer", [{}, {"answer": []}, {"answer": " "}, {"direct_answers": ""}])
def test_a_question_without_an_answer_is_refused(answer: dict[str, object]) -> None:
    """It is no text about the image; test sets have only such ones."""
    document = [{"image": "3.jpg", "question": "Why?"} | answer]
    assert read(document, LAVIS_VQA) == [("3.jpg", [])]
    assert refused(document, LAVIS_VQA) == {
        "The question has no answer here, so it says nothing of the image.": 1
    }


@pytest.mark.parametrize("spell", [list, str])
def test_the_choice_that_is_correct_wins_and_is_no_vote(spell: type) -> None:
    """`str`: lists as the copy on the Hub spells them."""
    document = [
        {
            "image_id": 299207,
            "question": "What is the man by the bags awaiting?",
            "choices": spell(["skateboarder", "train", "delivery", "cab"]),
            "correct_choice_idx": 3,
            "direct_answers": spell(["ride", "ride", "bus"]),
            "rationales": spell(["He stands at a kerb."]),
        }
    ]
    found = [("000000299207.jpg", ["What is the man by the bags awaiting? cab"])]
    assert read(document, LAVIS_VQA) == found
    [kept] = data(document, LAVIS_VQA)
    assert kept["answers"] == ["ride", "ride", "bus"]
    assert kept["choices"] == ["skateboarder", "train", "delivery", "cab"]
    assert kept["rationales"] == ["He stands at a kerb."]
