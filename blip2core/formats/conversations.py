"""LLaVA's and ShareGPT's conversations: in several turns a person asks about an image.

Liu et al., Visual Instruction Tuning, arXiv:2304.08485, docs/Finetune_Custom_Data.md of its code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from blip2core.formats.annotated import (
    AnnotatedImage,
    JsonFormat,
    Text,
    is_row,
    rows_of,
    scalars,
    strings,
    word,
)
from blip2core.records import TextOrigin

IMAGE_WORD = "<image>"
TURNS = ("conversations", "conversation", "messages")
ANSWERS = frozenset({"gpt", "assistant", "model", "chatgpt"})
"""Who answers, in `from` or `role`."""


def is_conversations(document: Any) -> bool:
    """Return whether it is a list of conversations about images, or such an object."""
    rows = [document] if isinstance(document, Mapping) else rows_of(document)[:1]
    return any(is_row(row, name) and is_row(_first(row[name])) for row in rows for name in TURNS)


def read_conversations(document: Any) -> Iterator[AnnotatedImage]:
    """Yield a conversation as an entry: each answer is a text, its question is kept as data."""
    rows = [document] if isinstance(document, Mapping) else rows_of(document)
    for number, row in enumerate(rows, start=1):
        images = strings(row.get("image")) or strings(row.get("images"))
        path = images[0] if images else None
        yield AnnotatedImage(number=number, path=word(path), texts=tuple(_texts(row)))


def _texts(row: Mapping[str, Any]) -> Iterator[Text]:
    turns = next((rows_of(row[name]) for name in TURNS if isinstance(row.get(name), list)), [])
    data = scalars(row, "image")
    asked: list[str] = []
    for turn, said in enumerate(turns):
        who = said.get("from", said.get("role"))
        what = said.get("value", said.get("content"))
        if not isinstance(what, str):
            continue
        if who in ANSWERS:
            question = " ".join(asked).strip()
            kept = data | {"turn": turn} | ({"question": question} if question else {})
            yield what, TextOrigin(place="conversations", data=kept)
            asked = []
        else:
            asked.append(what.replace(IMAGE_WORD, "").strip())


def _first(value: object) -> object:
    return value[0] if isinstance(value, list) and value else None


CONVERSATIONS = JsonFormat(
    label="LLaVA or ShareGPT conversations", is_it=is_conversations, read=read_conversations
)
