"""Every answer is right by a second way, yes is as frequent as no, and "it" is the last topic."""

import random
import re
from collections.abc import Iterator

import pytest

from blip2core.stickers.questions import (
    DIRECTIONS,
    KINDS,
    Question,
    ask,
    dialogue,
    follow_up,
    normal_answer,
)
from blip2core.stickers.scene import Box, Group, Scene
from blip2core.stickers.words import COLOURS
from tests.stickers.independent import answer, gap

ROW = Scene(
    seed=1,
    place="meadow",
    groups=(
        Group(noun="balloon", colour="red", size="big", boxes=(Box(21, 56, 40),)),
        Group(noun="dog", colour=None, size="small", boxes=(Box(84, 56, 22), Box(84, 84, 22))),
    ),
)


def asked(scenes: list[Scene], kind: str, times: int = 2) -> Iterator[tuple[Scene, Question]]:
    for scene in scenes:
        for number in range(times):
            question = ask(scene, random.Random(f"{number} {scene.seed}"), kind)
            if question is not None:
                yield scene, question


@pytest.mark.parametrize("kind", [*KINDS, "list"])
def test_answers_are_right(scenes: list[Scene], kind: str) -> None:
    seen = 0
    for scene, question in asked(scenes, kind):
        said, topic = answer(scene, question.text)
        assert said == question.answer, question.text
        assert question.topic == topic or kind == "where", question.text
        assert question.kind == kind
        seen += 1
    assert seen > 300


def test_same_random_state_same_question(scenes: list[Scene]) -> None:
    for kind in (*KINDS, "list"):
        first, second = (ask(scenes[3], random.Random(5), kind) for _ in range(2))
        assert first == second


@pytest.mark.parametrize(
    ("kind", "pattern"),
    [("is there", ".*"), ("spatial", "(is|are) .*")],
)
def test_yes_is_as_frequent_as_no(scenes: list[Scene], kind: str, pattern: str) -> None:
    answers = [
        question.answer
        for _, question in asked(scenes, kind, times=9)
        if re.fullmatch(pattern, question.text)
    ]
    assert len(answers) > 500
    assert set(answers) == {"yes", "no"}
    assert 0.45 < answers.count("yes") / len(answers) < 0.55


def test_absent_colour_and_count_are_asked_for(scenes: list[Scene]) -> None:
    """A "no" to "is there" has several reasons, so that no word of the question gives it away."""
    reasons = set()
    for scene, question in asked(scenes, "is there", times=4):
        if question.answer == "no":
            nouns = {normal_answer(word) for word in question.text.rstrip("?").split()}
            here = [group for group in scene.groups if group.noun in nouns]
            colour = bool(here) and here[0].colour is not None and here[0].colour not in nouns
            reasons.add("noun" if not here else "colour" if colour else "count")
    assert reasons == {"noun", "colour", "count"}


def test_some_questions_name_the_colour_and_some_a_single_one(scenes: list[Scene]) -> None:
    texts = [question.text for _, question in asked(scenes, "is there")]
    coloured = [text for text in texts if any(f" {colour} " in text for colour in COLOURS)]
    assert 0.12 < len(coloured) / len(texts) < 0.2
    single = [text for text in texts if re.search(r"\b(a|an|one)\b", text)]
    assert 0.2 < len(single) / len(texts) < 0.95


def test_none_is_an_answer_to_how_many(scenes: list[Scene]) -> None:
    answers = [question.answer for _, question in asked(scenes, "how many")]
    assert set(answers) == {"none", "one", "two", "three", "four"}
    assert 0.05 < answers.count("none") / len(answers) < 0.2


def test_a_spatial_no_is_plain_too(scenes: list[Scene]) -> None:
    """Where the answer is no, the opposite holds: not merely too close to tell."""
    for scene, question in asked(scenes, "spatial", times=6):
        if question.answer == "no":
            nouns = [normal_answer(word) for word in re.findall(r"the (\w+)", question.text)]
            first, second = (g for n in nouns if (g := scene.group(n)) is not None)
            direction = next(word for word in DIRECTIONS if f" {word} " in question.text)
            assert gap(second, first, direction) >= 10


def test_all_four_directions_are_asked(scenes: list[Scene]) -> None:
    texts = " ".join(question.text for _, question in asked(scenes, "spatial"))
    counts = [texts.count(f" {direction} ") for direction in DIRECTIONS]
    assert min(counts) > 0.6 * max(counts)


def test_no_question_where_the_scene_allows_none() -> None:
    alone = Scene(seed=1, place="sea", groups=ROW.groups[:1])
    twins = (*ROW.groups[1:], Group(noun="cat", colour=None, size="big", boxes=(Box(28, 28, 40),)))
    assert ask(alone, random.Random(0), "spatial") is None
    assert ask(Scene(seed=1, place="sea", groups=twins), random.Random(0), "what") is None
    assert follow_up(ROW, random.Random(0), "cat") is None


@pytest.mark.parametrize("turns", [2, 3, 4])
def test_dialogues_speak_of_the_last_topic(scenes: list[Scene], turns: int) -> None:
    complete = 0
    for scene in scenes:
        questions = dialogue(scene, random.Random(f"{turns} {scene.seed}"), turns)
        complete += len(questions) == turns
        assert 1 <= len(questions) <= turns
        assert len({question.text for question in questions}) == len(questions)
        topic = None
        for number, question in enumerate(questions):
            said, topic = answer(scene, question.text, topic)
            assert said == question.answer, [q.text for q in questions]
            assert topic == question.topic
            assert is_pronominal(question.text) == (number > 0)
    assert complete > 0.95 * len(scenes)


def is_pronominal(text: str) -> bool:
    words = set(re.findall(r"\w+", text))
    return bool(words & {"it", "its", "they", "them", "their"}) or text == "how many are there?"


def test_pronouns_agree_in_number() -> None:
    texts = {
        noun: " ".join(
            question.text
            for seed in range(60)
            if (question := follow_up(ROW, random.Random(seed), noun)) is not None
        )
        for noun in ("balloon", "dog")
    }
    assert "is it" in texts["balloon"] and "they" not in texts["balloon"]
    assert "are they" in texts["dog"] and " it" not in texts["dog"]
    assert "to its right" in texts["balloon"] and "to their left" in texts["dog"]


@pytest.mark.parametrize(
    ("said", "normal"),
    [
        ("A dog.", "dog"),
        (" dogs ", "dog"),
        ("an owl", "owl"),
        ("the mice", "mouse"),
        ("on the beach", "on beach"),
        ("Yes", "yes"),
        ("", ""),
    ],
)
def test_answers_are_compared_without_articles_and_plurals(said: str, normal: str) -> None:
    assert normal_answer(said) == normal
