"""Questions about images with their answers, as one text: "What colour is it? red"."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from blip2core.formats.annotated import Text
from blip2core.records import TextOrigin

MOST_ANSWERS = 20
"""Answers of one question that are kept; VQA has ten."""


def question_text(
    question: str, answers: Sequence[str], *, place: str, data: Mapping[str, Any]
) -> Text:
    """Return the question with the answer that most people gave; all answers are kept as data."""
    answers = list(answers)[:MOST_ANSWERS]
    best = Counter(answers).most_common(1)[0][0] if answers else ""
    kept = dict(data) | {"question": question, "answers": answers}
    return f"{question.strip()} {best}".strip(), TextOrigin(place=place, data=kept)
