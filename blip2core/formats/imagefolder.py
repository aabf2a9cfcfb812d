"""Hugging Face imagefolder: a folder per split with images and a metadata.jsonl.

The loader tells the type of a column from its first rows, in each split for itself, and refuses a
folder where they differ: so no value is null (`ABSENT`). Read as the table that it is.
"""

from collections.abc import Iterable
from typing import Any

from blip2core.config import ExportConfig
from blip2core.formats.format import Format, Output
from blip2core.formats.rows import ABSENT, COLUMN_TYPES, json_line, rows
from blip2core.formats.split_files import PerSplit
from blip2core.records import ExportPair


def write_imagefolder(pairs: Iterable[ExportPair], output: Output, config: ExportConfig) -> None:
    """Write a folder per split; `train/metadata.jsonl` names `train/ab/ab12….jpg` as
    `ab/ab12….jpg`.
    """
    with PerSplit(lambda split: output.open(f"{split}/metadata.jsonl")) as files:
        for pair, row in rows(pairs, config):
            name = output.add_image(pair, pair.split)
            files[pair.split].write(json_line({"file_name": name, **filled(row)}))
    output.notes.append(
        "Every column has one type in all rows, because the loader needs it: where nothing is "
        "known, a text is empty, `decision_id` is 0, and `itm` and `itc` are -1."
    )


def filled(row: dict[str, Any]) -> dict[str, Any]:
    """Return the same row without nulls, also inside `details`."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        found[name] = ABSENT[COLUMN_TYPES[name]] if value is None else value
    if "details" in found:
        found["details"] = [filled(detail) for detail in found["details"]]
    return found


IMAGEFOLDER = Format(
    write=write_imagefolder,
    label="Hugging Face imagefolder",
    what="One folder per split, with the images and a `metadata.jsonl` that names them.",
    example='datasets.load_dataset("imagefolder", data_dir="FOLDER")',
    data_files="{split}/**",
    lists=True,
)
