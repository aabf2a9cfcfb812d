"""Answers as they stand in files, and the text that a question with its answers is."""

from typing import Any

import pytest

from blip2core.formats.annotated import Refused
from blip2core.formats.questions import (
    MOST_ANSWERS,
    answers_in,
    answers_of,
    question_text,
    row_question,
)


@pytest.mark.parametrize(
    ("cell", "answers"),
    [
        ("a dog", ["a dog"]),
        ([{"answer": "a dog"}, {"answer": "a cat", "answer_confidence": "no"}], ["a dog", "a cat"]),
        ('["a dog", "a cat"]', ["a dog", "a cat"]),
        (3, ["3"]),
        (3.0, ["3"]),
        (2.5, ["2.5"]),
        (True, ["true"]),
        (False, ["false"]),
        (float("nan"), []),
        (" ", []),
        (None, []),
        ({"raw_answer": "x"}, []),
    ],
)
def test_answers_in_a_cell(cell: object, answers: list[str]) -> None:
    assert answers_of(cell) == answers


def test_what_an_answer_spells_stays_a_text_in_json() -> None:
    assert answers_in(['["a"]', "{}", "a dog"]) == ['["a"]', "{}", "a dog"]


def test_all_people_are_counted_however_many_are_kept() -> None:
    answers = [*map(str, range(MOST_ANSWERS)), "many", "many"]
    found = question_text("How many?", answers, place="q", data={})
    assert not isinstance(found, Refused)
    text, origin = found
    assert text == "How many? many"
    assert origin.data["answers"] == answers[:MOST_ANSWERS]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({}, "The question has no answer here, so it says nothing of the image."),
        ({"answer": " "}, "The question has no answer here, so it says nothing of the image."),
    ],
)
def test_a_question_without_an_answer_asks_for_no_file(row: dict[str, Any], reason: str) -> None:
    assert row_question("What?", row, place="q", data={}) == Refused(reason)
    empty = row_question(" ", {"answer": "a dog"}, place="q", data={})
    assert empty == Refused("The question is empty.")
