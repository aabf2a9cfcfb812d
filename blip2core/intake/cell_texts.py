"""Cells of a table that hold more than texts: conversations, and questions with their answers."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from blip2core.formats.annotated import Text
from blip2core.formats.conversations import read_conversations
from blip2core.formats.questions import question_text

LONGEST_JSON, LONGEST_PYTHON = 1_000_000, 100_000
"""Characters of a cell that spells a list, as JSON or as Python writes it."""
WHO, WHAT = ("from", "role"), ("value", "content")
"""How a turn of a conversation tells who said what."""
BOTH = ("user", "assistant")
"""Names of a question and its answer, where one object holds both."""
DEEPEST = 4
"""Lists and objects within one another in which answers are looked for."""


def spelled(cell: object) -> object:
    """Return the list or object that a cell of text spells, as JSON or as Python writes it; any
    other value as it is.
    """
    if not isinstance(cell, str) or len(cell) > LONGEST_JSON:
        return cell
    text = cell.strip()
    if (text[:1], text[-1:]) not in (("[", "]"), ("{", "}")):
        return cell
    for read in (json.loads, ast.literal_eval) if len(text) <= LONGEST_PYTHON else (json.loads,):
        try:
            found = read(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
        return found if isinstance(found, list | dict) else cell
    return cell


def turns_of(cell: object) -> list[Mapping[str, Any]]:
    """Return the turns of a cell that holds a conversation, or spells one; else none.

    That is a list of objects, {"from": ..., "value": ...} or {"role": ..., "content": ...}, or of
    both turns in one, {"user": ..., "assistant": ...}; or one object of lists, as `datasets` makes
    of the first.
    """
    value = spelled(cell)
    if isinstance(value, Mapping):
        value = _transposed(value)
    if not isinstance(value, list) or not value:
        return []
    turns = [one if isinstance(one, Mapping) else {} for one in value]
    if all(name in turns[0] for name in BOTH):
        return [{"from": name, "value": one.get(name)} for one in turns for name in BOTH]
    return turns if _is_turn(turns[0]) else []


def conversation_texts(turns: list[Mapping[str, Any]], said: Mapping[str, Any]) -> Sequence[Text]:
    """Return each answer of a conversation with its question as data, and what else is `said` in
    its row.
    """
    plain = [
        {key: _joined(value) if key in WHAT else value for key, value in turn.items()}
        for turn in turns
    ]
    return next(read_conversations({**said, "conversations": plain})).texts


def question_texts(
    question: str, beside: Mapping[str, object], place: str, data: Mapping[str, object]
) -> Iterator[Text]:
    """Yield the question with the answer that most people gave; none where nothing is asked.

    `beside`: name of a column of answers, in the usual spelling -> its cell.
    """
    if not question.strip():
        return
    answers = [
        answer
        for name in ("answer", "answers", "direct_answers")
        for answer in _answers(beside.get(name))
    ]
    best = _answers(beside.get("multiple_choice_answer")) or _chosen(beside)
    if best and best[0] not in answers:
        answers = [best[0], *answers]
    yield question_text(question, answers, place=place, data=data)


def _chosen(beside: Mapping[str, object]) -> list[str]:
    """Return the right one of several choices, where it is known."""
    choices, place = _answers(beside.get("choices")), str(beside.get("correct_choice_idx"))
    return [choices[int(place)]] if place.isdecimal() and int(place) < len(choices) else []


def _answers(cell: object, depth: int = DEEPEST) -> list[str]:
    value = spelled(cell)
    if isinstance(value, Mapping) and depth:
        return _answers(value.get("answer"), depth - 1)
    if isinstance(value, list) and depth:
        return [answer for one in value for answer in _answers(one, depth - 1)]
    if isinstance(value, str | int) and not isinstance(value, bool):
        return [str(value)] if str(value).strip() else []
    return []


def _is_turn(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        any(name in value for name in names) for names in (WHO, WHAT)
    )


def _transposed(value: Mapping[str, Any]) -> object:
    """Return an object of lists as a list of objects; any other as it is."""
    lists = {
        key: one for key, one in value.items() if key in (*WHO, *WHAT) and isinstance(one, list)
    }
    if not _is_turn(lists):
        return value
    return [dict(zip(lists, turn, strict=False)) for turn in zip(*lists.values(), strict=False)]


def _joined(content: object) -> object:
    """Return the texts among the parts of a turn as one; what has no parts as it is."""
    if not isinstance(content, list):
        return content
    parts = [part.get("text") if isinstance(part, Mapping) else part for part in content]
    return "\n".join(part for part in parts if isinstance(part, str))
