"""Flickr8k's and Flickr30k's token files: `1000092795.jpg#0`, a tab, and a caption in each line.

Kaggle's copies of both are tables: `image,caption`, and `image_name| comment_number| comment`.

Young et al., From Image Descriptions to Visual Denotations, TACL 2014: results_20130124.token.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

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
