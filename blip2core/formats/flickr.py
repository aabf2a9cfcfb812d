"""Flickr8k's and Flickr30k's token files: `1000092795.jpg#0`, a tab, and a caption in each line.

Kaggle's copies of both are tables: `image,caption`, and `image_name| comment_number| comment`.

Young et al., From Image Descriptions to Visual Denotations, TACL 2014: results_20130124.token.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from blip2core.formats.annotated import AnnotatedImage
from blip2core.formats.files import FLICKR_LINE
from blip2core.records import TextOrigin


def read_flickr(lines: Iterable[str]) -> Iterator[AnnotatedImage | int]:
    """Yield a caption at a time with its image; the number of a line that is none."""
    for number, line in enumerate(lines, start=1):
        if found := FLICKR_LINE.match(line):
            data = {"caption_number": int(found["number"])}
            text = found["caption"].strip(), TextOrigin(place="caption", data=data)
            yield AnnotatedImage(number=number, path=found["name"], texts=(text,))
        elif line.strip():
            yield number


def is_flickr_table(header: Sequence[str]) -> bool:
    """Return whether a table is Flickr30k's results.csv, by the names of its last columns."""
    return [name.strip().lower() for name in header[-2:]] == ["comment_number", "comment"]


def flickr_cells(cells: list[str], columns: int, delimiter: str) -> list[str]:
    """Return the cells of a row of results.csv with the caption as the last one.

    Delimiters within a caption are not quoted there, and in one row (2199200615.jpg) none stands
    between number and caption.
    """
    names, rest = cells[: columns - 2], delimiter.join(cells[columns - 2 :])
    found = re.match(rf"\s*(\d+)(?:\s*{re.escape(delimiter)}|\s)(.*)", rest, re.DOTALL)
    return [*names, found[1], found[2].strip()] if found else cells
