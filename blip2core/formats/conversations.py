"""LLaVA's and ShareGPT's conversations: in several turns a person asks about an image.

Liu et al., Visual Instruction Tuning, arXiv:2304.08485, docs/Finetune_Custom_Data.md of its code.
An export has a JSON list per split, in which a person asks and the text answers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, BinaryIO

from blip2core.config import ExportConfig
from blip2core.formats.annotated import (
    AnnotatedImage,
    Text,
    is_row,
    rows_of,
    scalars,
    strings,
    word,
)
from blip2core.formats.format import Format, Output
from blip2core.formats.rows import about, json_line
from blip2core.formats.split_files import PerSplit
from blip2core.records import ExportPair, TextOrigin

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


CONTROL_WORDS = ("<image>", "<im_start>", "<im_end>", "<im_patch>")
"""Words that LLaVA reads as a place for an image, wherever they stand."""
LEFT_OUT = "left_out.jsonl"


class Conversations:
    """A JSON list that grows."""

    def __init__(self, file: BinaryIO, instruction: str) -> None:
        self._file, self._instruction = file, instruction
        self._separator = b"[\n"

    def add(self, pair: ExportPair, image: str) -> None:
        """Add one question with the text of a pair as its answer."""
        said = [
            {"from": "human", "value": f"<image>\n{self._instruction}"},
            {"from": "gpt", "value": pair.text},
        ]
        entry = {"id": str(pair.caption_id), "image": image, "conversations": said}
        text = json.dumps(entry | {"extra": about(pair)}, ensure_ascii=False)
        self._file.write(self._separator + text.encode())
        self._separator = b",\n"


def write_llava(pairs: Iterable[ExportPair], output: Output, config: ExportConfig) -> None:
    """Write a JSON list per split; `train.json` names its images as `images/ab/ab12….jpg`.

    A text with a control word of LLaVA's is left out and named in `left_out.jsonl`: written as it
    is, it would ask for an image that is not there, and changed it would no longer be the text
    that was accepted.
    """

    @contextmanager
    def opened(split: str) -> Iterator[Conversations]:
        with output.open(f"{split}.json") as file:
            yield Conversations(file, config.instruction)
            file.write(b"\n]\n")

    with PerSplit(opened) as splits, ExitStack() as stack:
        refused: BinaryIO | None = None
        for pair in pairs:
            if word := next((word for word in CONTROL_WORDS if word in pair.text), None):
                reason = f"contains {word}"
                output.left_out[reason] += 1
                refused = refused or stack.enter_context(output.open(LEFT_OUT))
                refused.write(json_line({"caption_id": pair.caption_id, "reason": reason}))
                continue
            image = f"images/{output.add_image(pair, 'images')}"
            splits[pair.split].add(pair, image)


CONVERSATIONS = Format(
    label="LLaVA or ShareGPT conversations",
    is_it=is_conversations,
    read=read_conversations,
    write=write_llava,
    what="A JSON list of one-turn conversations per split; images lie in `images`, and where a "
    "text comes from stands under `extra`.",
    example='json.load(open("FOLDER/train.json"))',
)
