"""Images with a text file of the same name each, as trainers of image generators read them."""

import re
from collections.abc import Iterable
from posixpath import basename, dirname

from blip2core.config import ExportConfig
from blip2core.formats.format import Format, Output
from blip2core.formats.rows import about, by_image, json_line
from blip2core.records import ExportPair
from blip2core.texts import count_of

CONCEPT = re.compile(r"\d{1,3}_(?P<concept>.*[^\W\d_].*)")
"""A folder of kohya's trainers: how often its images are repeated, and what they show."""


def concept_of(name: str) -> str | None:
    """Return what the folder of an image says that it shows: img/10_shiba dog/1.jpg -> shiba dog.

    Trainers take it for the text of an image that has none.
    """
    found = CONCEPT.fullmatch(basename(dirname(name)))
    return found["concept"].strip() if found else None


def write_sidecars(pairs: Iterable[ExportPair], output: Output, config: ExportConfig) -> None:
    """Write `train/ab12….jpg` with `train/ab12….txt`; `manifest.jsonl` holds what has no room
    there.

    Named by hash, because a.jpg and a.png would share a.txt. Several captions of an image are
    lines of its file, so a line break inside a caption becomes a space there.
    """
    joined = 0
    with output.open("manifest.jsonl") as manifest:
        for group in by_image(pairs):
            folder = group[0].split
            name = output.add_image(group[0], folder, flat=True)
            lines = [" ".join(pair.text.splitlines()) for pair in group]
            joined += sum(line != pair.text for line, pair in zip(lines, group, strict=True))
            with output.open(f"{folder}/{name.partition('.')[0]}.txt") as file:
                file.write("\n".join(lines).encode())
            for pair in group:
                row = {"file_name": f"{folder}/{name}", "text": pair.text, **about(pair, config)}
                manifest.write(json_line(row))
    if joined:
        output.notes.append(
            f"In {count_of(joined, 'caption')} line breaks became spaces in the `.txt` files, "
            "where a line is a caption; `manifest.jsonl` has every text as it is."
        )


SIDECARS = Format(
    write=write_sidecars,
    label="images with .txt sidecars",
    what="Images in a folder per split, each with a `.txt` of the same name, one caption a line; "
    "`manifest.jsonl` has the exact texts and where they come from.",
    example='open("FOLDER/train/HASH.txt").read().split("\\n")',
)
