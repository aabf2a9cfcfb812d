"""Questions about images with their answers, as one text: "What colour is it? red"."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from blip2core.formats.annotated import Refused, Text, strings
from blip2core.formats.nested_texts import spelled
from blip2core.records import ExportPair, TextOrigin

MOST_ANSWERS = 20
"""Answers of one question that are kept; VQA has ten."""

DEEPEST = 4
"""Lists and objects within one another in which answers are looked for."""
NO_ANSWER = "The question has no answer here, so it says nothing of the image."
EMPTY_QUESTION = "The question is empty."


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """The question that the text of a pair asks or answers."""

    question: str
    answer: str
    answers: tuple[str, ...]
    """What all people answered; at least `answer`."""
    data: Mapping[str, Any]
    """What else was said of the text where it was imported: ids, kinds of question."""


def question_text(
    question: str,
    answers: Sequence[str],
    *,
    place: str,
    data: Mapping[str, Any],
    best: str | None = None,
) -> Text | Refused:
    """Return the question with its answer: `best`, or the one that most people gave; all answers
    are kept as data. A question that nobody has answered is refused: it says nothing of the image.
    """
    answers = [answer for answer in answers if answer.strip()]
    if best is None or not best.strip():
        best = Counter(answers).most_common(1)[0][0] if answers else ""
    if not best or not question.strip():
        return Refused(NO_ANSWER if question.strip() else EMPTY_QUESTION)
    kept = dict(data) | {"question": question, "answers": answers[:MOST_ANSWERS]}
    return f"{question.strip()} {best.strip()}", TextOrigin(place=place, data=kept)


def row_question(
    question: str, row: Mapping[str, object], *, place: str, data: Mapping[str, Any]
) -> Text | Refused:
    """Return a question with its answer out of a row, as VQAv2, A-OKVQA and LAVIS have it: the
    official one, or the choice that is marked as correct, else the one that most people gave.
    """
    best = _best(row)
    return question_text(
        question, _answers(row), place=place, data=data, best=best[0] if best else None
    )


def has_answer(row: Mapping[str, object]) -> bool:
    """Return whether there is an answer in a row."""
    return bool(_best(row) or _answers(row))


def _answers(row: Mapping[str, object]) -> list[str]:
    names = ("answer", "answers", "direct_answers")
    return [answer for name in names for answer in answers_of(row.get(name))]


def _best(row: Mapping[str, object]) -> list[str]:
    return answers_of(row.get("multiple_choice_answer")) or _chosen(row)


def answers_of(cell: object) -> list[str]:
    """Return the answers in a cell of a table, or in a text there that spells them."""
    return answers_in(spelled(cell))


def answers_in(value: object, depth: int = DEEPEST) -> list[str]:
    """Return the answers in a JSON value: one, a list, or objects with `answer`.

    Numbers, true and false are written as JSON has them; a whole number that went through a table
    of floats, 3.0, is the one that it was, 3.
    """
    if isinstance(value, Mapping) and depth:
        return answers_in(value.get("answer"), depth - 1)
    if isinstance(value, list) and depth:
        return [answer for one in value for answer in answers_in(one, depth - 1)]
    if isinstance(value, bool):
        return [json.dumps(value)]
    if isinstance(value, float) and isfinite(value):
        return [str(int(value) if value.is_integer() else value)]
    if isinstance(value, str | int):
        return [str(value)] if str(value).strip() else []
    return []


def _chosen(row: Mapping[str, object]) -> list[str]:
    """Return the right one of several choices, where it is known."""
    choices, place = answers_of(row.get("choices")), str(row.get("correct_choice_idx"))
    return [choices[int(place)]] if place.isdecimal() and int(place) < len(choices) else []


def question_of(pair: ExportPair) -> Question | None:
    """Return question and answer of a pair whose text was imported as such; None for any other.

    The text is the answer, as in a conversation, or the question with the answer behind it.
    """
    data = json.loads(pair.text_data) if pair.text_data else {}
    question = data.get("question")
    if not isinstance(question, str) or not question.strip():
        return None
    asked = question.strip()
    answer = pair.text.removeprefix(asked).strip() if pair.text.startswith(asked) else pair.text
    if not answer:
        return None
    answers = tuple(strings(data.get("answers")))
    return Question(
        question=question,
        answer=answer,
        answers=answers if answer in answers else (answer, *answers),
        data=data,
    )
