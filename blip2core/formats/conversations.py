"""LLaVA's and ShareGPT's conversations: in several turns a person asks about an image.

Liu et al., Visual Instruction Tuning, arXiv:2304.08485, docs/Finetune_Custom_Data.md of its code.
An export has a JSON list per split, in which a person asks and the text answers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

from blip2core.config import ExportConfig
from blip2core.file_names import safe_name
from blip2core.formats.annotated import (
    AnnotatedImage,
    Refused,
    Text,
    extra_of,
    is_row,
    origin_of_image,
    rows_of,
    scalars,
    strings,
)
from blip2core.formats.format import Format, Output
from blip2core.formats.questions import question_of
from blip2core.formats.rows import about_image, about_text, by_image, exported_origin
from blip2core.formats.split_files import JsonList, LeftOut, PerSplit
from blip2core.records import ExportPair, TextOrigin

PLACE = "conversations"
IMAGE_WORD = "<image>"
CONTROL_WORDS = ("<image>", "<im_start>", "<im_end>", "<im_patch>")
"""Words that LLaVA reads as a place for an image, wherever they stand."""
TURNS = ("conversations", "conversation", "messages")
ANSWERS = frozenset({"gpt", "assistant", "model", "chatgpt", "gpt4", "bot", "ai", "agent"})
"""Who answers, in `from` or `role`, in whatever case."""
ASKERS = frozenset({"human", "user", "person"})
OTHERS = frozenset({"system", "developer", "tool", "function", "observation"})
"""Who says nothing of the image."""


def is_conversation(row: Mapping[str, Any]) -> bool:
    """Return whether a row has a conversation."""
    return any(is_row(_first(row.get(name))) for name in TURNS)


def read_conversations(document: Any) -> Iterator[AnnotatedImage]:
    """Yield a conversation as an entry: each answer is a text, its question is kept as data.

    Answers about several images at once are about none of them alone, and are refused.
    """
    for number, row in enumerate(rows_of(document), start=1):
        images = [*_images(row)]
        texts, refused = _texts(row)
        if len(images) > 1:
            reason = f"The conversation is about {len(images)} images, so about none of them alone."
            refused = (*refused, *([Refused(reason, len(texts))] if texts else ()))
            texts = ()
        for place, image in enumerate(images or [None]):
            yield AnnotatedImage(
                number=number,
                path=image,
                texts=texts,
                refused=refused if place == 0 else (),
                **origin_of_image(extra_of(row)),
            )


def _images(row: Mapping[str, Any]) -> Iterator[str]:
    """Yield paths and addresses of the images: of the row, else of the parts of its turns."""
    found = strings(row.get("image")) or strings(row.get("images"))
    parts = (part for said in _turns(row) for part in rows_of(_content(said)))
    for part in () if found else parts:
        inner = part.get("image_url", part.get("image"))
        inner = inner.get("url") if isinstance(inner, Mapping) else inner
        found += strings(inner)
    yield from dict.fromkeys(found)


def _turns(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return next((turns for name in TURNS if (turns := rows_of(row.get(name)))), [])


def _others(row: Mapping[str, Any]) -> list[str]:
    """Return the fields with a conversation that is another than that of `_turns`."""
    there = [name for name in TURNS if rows_of(row.get(name))]
    return [name for name in there[1:] if row[name] != row[there[0]]]


def _content(said: Mapping[str, Any]) -> Any:
    return said.get("value", said.get("content"))


def _words(said: Mapping[str, Any]) -> str | None:
    """Return what was said: a text, or the texts of a list of parts; None where it is neither."""
    content = _content(said)
    if isinstance(content, list):
        parts = [part.get("text") if isinstance(part, Mapping) else part for part in content]
        texts = [part for part in parts if isinstance(part, str)]
        return "\n".join(texts) if texts else None
    return content if isinstance(content, str) else None


def _texts(row: Mapping[str, Any]) -> tuple[tuple[Text, ...], tuple[Refused, ...]]:
    data, extra = scalars(row, "image"), extra_of(row)
    exported = iter(rows_of(extra.get("texts")) or [extra])
    texts: list[Text] = []
    refused: list[Refused] = []
    asked: list[str] = []
    for turn, said in enumerate(_turns(row)):
        who, what = said.get("from", said.get("role")), _words(said)
        role = who.casefold() if isinstance(who, str) else ""
        if role in ASKERS:
            asked.append((what or "").replace(IMAGE_WORD, "").strip())
        elif role in OTHERS:
            continue
        elif role not in ANSWERS:
            refused.append(Refused(f"Who says this is not known: {safe_name(str(who), limit=40)}."))
        elif what is None:
            refused.append(Refused("The answer is no text."))
        else:
            question = " ".join(asked).strip()
            kept = data | {"turn": turn} | ({"question": question} if question else {})
            of_export = next(exported, {})
            origin = exported_origin(of_export, PLACE)
            texts.append((_whole(what, of_export), origin or TextOrigin(place=PLACE, data=kept)))
            asked = []
    if any(asked):
        refused.append(Refused("The last question has no answer."))
    for name in _others(row):
        answers, _ = _texts({name: row[name]})
        reason = f"The row has a second conversation, `{name}`: give it in a row of its own."
        refused += [Refused(reason, len(answers))] if answers else []
    return tuple(texts), tuple(refused)


def _whole(answer: str, of_export: Mapping[str, Any]) -> str:
    """Return the text of which an export wrote the answer only; its question stands before it."""
    text = of_export.get("text")
    return text if isinstance(text, str) and text.endswith(answer) else answer


def _first(value: object) -> object:
    return value[0] if isinstance(value, list) and value else None


class _Conversations:
    """A JSON list that grows."""

    def __init__(self, file: BinaryIO, config: ExportConfig) -> None:
        self._file, self._entries, self._config = file, JsonList(file), config

    def add(self, pairs: Sequence[ExportPair], image: str) -> None:
        """Add a conversation about an image, in which the texts are the answers."""
        said: list[dict[str, str]] = []
        texts: list[dict[str, Any]] = []
        for pair in pairs:
            asked = question_of(pair)
            question = _without_words(asked.question) if asked else self._config.instruction
            answer = asked.answer if asked else pair.text
            said += [
                {"from": "human", "value": question if said else f"{IMAGE_WORD}\n{question}"},
                {"from": "gpt", "value": answer},
            ]
            whole = {} if answer == pair.text else {"text": pair.text}
            texts.append(whole | about_text(pair, self._config))
        of_texts = texts[0] if len(texts) == 1 else {"texts": texts}
        extra = of_texts | about_image(pairs[0])
        entry = {"id": str(pairs[0].caption_id), "image": image, "conversations": said}
        self._entries.add(entry | {"extra": extra})

    def close(self) -> None:
        """End the list."""
        self._entries.close()
        self._file.write(b"\n")


def write_llava(pairs: Iterable[ExportPair], output: Output, config: ExportConfig) -> None:
    """Write a JSON list per split; `train.json` names its images as `images/ab/ab12….jpg`.

    Texts that were imported as answers keep their questions, and those of one conversation are its
    turns again. A text with a control word of LLaVA's is left out and named in `left_out.jsonl`:
    written as it is, it would ask for an image that is not there, and changed it would no longer be
    the text that was accepted.
    """

    @contextmanager
    def opened(split: str) -> Iterator[_Conversations]:
        with output.open(f"{split}.json") as file:
            conversations = _Conversations(file, config)
            yield conversations
            conversations.close()

    with PerSplit(opened) as splits, LeftOut(output) as left_out:
        for group in by_image(pairs):
            kept = []
            for pair in group:
                if word := next((word for word in CONTROL_WORDS if word in pair.text), None):
                    left_out.add(pair, f"contains {word}")
                else:
                    kept.append(pair)
            for turns in _by_conversation(kept):
                image = f"images/{output.add_image(turns[0], 'images')}"
                splits[turns[0].split].add(turns, image)


def _by_conversation(pairs: Iterable[ExportPair]) -> list[list[ExportPair]]:
    """Return the texts of an image by the conversations of which they were imported, the turns in
    order; each other text is one by itself.
    """
    found: dict[object, list[tuple[int, ExportPair]]] = {}
    for pair in pairs:
        data = json.loads(pair.text_data) if pair.text_data else {}
        turn, name = data.get("turn"), data.get("id")
        if pair.text_place == PLACE and isinstance(turn, int) and isinstance(name, str | int):
            found.setdefault(str(name), []).append((turn, pair))
        else:
            found[pair.caption_id] = [(0, pair)]
    return [[pair for _, pair in sorted(turns, key=_turn)] for turns in found.values()]


def _turn(numbered: tuple[int, ExportPair]) -> int:
    return numbered[0]


def _without_words(question: str) -> str:
    for control in CONTROL_WORDS:
        question = question.replace(control, " ")
    return " ".join(question.split())


CONVERSATIONS = Format(
    label="LLaVA or ShareGPT conversations",
    is_row=is_conversation,
    read=read_conversations,
    write=write_llava,
    what="A JSON list of conversations per split; images lie in `images`, and where a text comes "
    "from stands under `extra`.",
    example='json.load(open("FOLDER/train.json"))',
)
