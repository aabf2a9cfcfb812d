"""Questions that were taught are told from those that were not."""

import math

import pytest

from blip2core.stickers.scene import SPLITS
from blip2core.stickers.taught import (
    FAMILIAR,
    drawn_questions,
    grammar,
    is_taught,
    questions_about,
)


@pytest.mark.parametrize("seed", SPLITS["test"][:40])
def test_every_question_about_a_fresh_scene_is_taught(seed: int) -> None:
    for question in drawn_questions(seed):
        assert is_taught(question), question


@pytest.mark.parametrize(
    "question",
    [
        "What animals are there?",
        "  WHAT colour is   the car ? ",
        "what’s in the image?",
        "Hi, please tell me: where is this?",
        "Which animal do you see?",
    ],
)
def test_a_question_may_be_spelled_in_other_ways(question: str) -> None:
    assert is_taught(question)


@pytest.mark.parametrize(
    "question",
    [
        "Describe the picture.",
        "Why is the dog happy?",
        "How do you feel?",
        "Is there a zebra?",
        "Is there any dog?",  # answered right in .46 only, see docs/doubt.md
        "dog the where two what?",
        "",
        "?!",
        "\u202e\U0001f600",
    ],
)
def test_others_are_not_taught(question: str) -> None:
    assert not is_taught(question)


def test_a_word_that_no_question_has_is_not_made_up_for_by_a_long_question() -> None:
    question = "is there a red car and what colour is the dog and where is the zebra"
    assert grammar().likelihood(question) == -math.inf


def test_words_alone_do_not_make_a_question() -> None:
    assert -math.inf < grammar().likelihood("dog the where two what") < FAMILIAR


@pytest.mark.parametrize(
    ("caption", "questions"),
    [
        (
            "a photo of three dogs and a red car in the city",
            ("How many dogs are there?", "What colour is the car?", "Where is this?"),
        ),
        (
            "two mice",
            ("How many mice are there?", "What colour are the mice?", "Where is this?"),
        ),
        ("nothing", ("What animal is there?", "What do you see?", "Where is this?")),
    ],
)
def test_what_can_be_asked_instead_is_about_the_image(caption: str, questions: tuple) -> None:
    assert questions_about(caption) == questions
    assert all(is_taught(question) for question in questions)
