"""JSON lines: a file per split, with the images beside it."""

from collections.abc import Iterable

from blip2core.config import ExportConfig
from blip2core.exports.files import PerSplit
from blip2core.exports.layout import Format
from blip2core.exports.output import Output
from blip2core.exports.rows import json_line, rows
from blip2core.records import ExportPair


def write_jsonl(pairs: Iterable[ExportPair], output: Output, config: ExportConfig) -> None:
    """Write a JSON Lines file per split; each line of `train.jsonl` names its image as
    `images/ab/ab12….jpg`.
    """
    with PerSplit(lambda split: output.open(f"{split}.jsonl")) as files:
        for pair, row in rows(pairs, lists=config.captions == "lists"):
            name = f"images/{output.add_image(pair, 'images')}"
            files[pair.split].write(json_line({"image": name, **row}))


JSONL = Format(
    write=write_jsonl,
    label="JSON lines",
    what="One JSON object per line and pair, in a file per split; images lie in `images`.",
    reading='pandas.read_json("FOLDER/train.jsonl", lines=True, dtype=False)',
    data_files="{split}.jsonl",
    typed=True,
    lists=True,
)
