"""Questions about images with their answers, as one text: "What colour is it? red"."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from blip2core.formats.annotated import Refused, Text, strings
from blip2core.records import ExportPair, TextOrigin

MOST_ANSWERS = 20
"""Answers of one question that are kept; VQA has ten."""

NO_ANSWER = "The question has no answer here; give the file of answers beside it."


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
    answers = [answer for answer in answers if answer.strip()][:MOST_ANSWERS]
    if best is None or not best.strip():
        best = Counter(answers).most_common(1)[0][0] if answers else ""
    if not best or not question.strip():
        return Refused(NO_ANSWER)
    kept = dict(data) | {"question": question, "answers": answers}
    return f"{question.strip()} {best.strip()}", TextOrigin(place=place, data=kept)


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
