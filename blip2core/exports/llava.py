"""LLaVA: a JSON list of conversations per split, in which a person asks and the text answers."""

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import BinaryIO

from blip2core.config import ExportConfig
from blip2core.exports.files import PerSplit
from blip2core.exports.layout import Format
from blip2core.exports.output import Output
from blip2core.exports.rows import about, json_line
from blip2core.records import ExportPair

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


LLAVA = Format(
    write=write_llava,
    label="LLaVA conversations",
    what="A JSON list of one-turn conversations per split; images lie in `images`, and where a "
    "text comes from stands under `extra`.",
    reading='json.load(open("FOLDER/train.json"))',
)
