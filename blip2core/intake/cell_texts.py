"""Cells of a table that hold more than texts: conversations, and questions with their answers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from blip2core.formats.annotated import Refused, Text
from blip2core.formats.conversations import TURNS, read_conversations
from blip2core.formats.nested_texts import spelled
from blip2core.intake.columns import plain_name

WHO, WHAT = ("from", "role"), ("value", "content")
"""How a turn of a conversation tells who said what."""
BEGINNING = re.compile(r"\s*\[?\s*\{")
BOTH = ("user", "assistant")
"""Names of a question and its answer, where one object holds both."""


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


def is_damaged_conversation(column: str, cell: object) -> bool:
    """Return whether a cell of a column of conversations, which is none, begins as JSON of one."""
    return isinstance(cell, str) and plain_name(column) in TURNS and bool(BEGINNING.match(cell))


def conversation_texts(
    turns: list[Mapping[str, Any]], said: Mapping[str, Any]
) -> Sequence[Text | Refused]:
    """Return each answer of a conversation with its question as data, and what else is `said` in
    its row.
    """
    found = next(read_conversations([{**said, "conversations": turns}]))
    return (*found.texts, *found.refused)


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
