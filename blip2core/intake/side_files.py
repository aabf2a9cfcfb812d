"""Texts in files beside an image: name.txt, name.caption, and the name.json of img2dataset."""

import json
from collections.abc import Mapping
from dataclasses import replace

from blip2core.errors import IntakeError
from blip2core.intake.columns import entry_of, guess_columns
from blip2core.intake.entries import Entry
from blip2core.intake.image_texts import FoundText, ImageTexts, joined, texts_of
from blip2core.intake.limits import Limits
from blip2core.records import Problem, TextOrigin

SIDE_SUFFIXES = (".txt", ".caption", ".json")
"""Ends of side files, in the order in which they are read."""
MAX_SIDE = 1_000_000
"""Bytes of a side file."""


def side_entry(where: str, files: Mapping[str, bytes | IntakeError], limits: Limits) -> Entry:
    """Return the entry that side files, given by suffix, make. Every line of a text is one text.

    A file that cannot be read, and says why, is not UTF-8, or no JSON object, counts as one text
    that is refused.
    """
    lines: list[FoundText] = []
    refused: list[Problem] = []
    said = Entry(where=where)
    for end in SIDE_SUFFIXES:
        if end not in files:
            continue
        try:
            text = _text(files[end], end)
            if end == ".json":
                said = _json_entry(text, where, limits)
            else:
                lines += [(line, TextOrigin(place=end)) for line in text.splitlines()]
        except IntakeError as error:
            problem = Problem(name=f"{where}: {end}", reason=str(error), about="text", texts=1)
            refused.append(problem)
    texts = (texts_of(lines, where, limits), said.found, ImageTexts(refused=tuple(refused)))
    return replace(said, found=joined(texts, where, limits))


def _json_entry(text: str, where: str, limits: Limits) -> Entry:
    """Return what a .json says. Raises IntakeError where it is no JSON object."""
    try:
        row = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise IntakeError("The .json beside the image is not JSON.") from error
    if not isinstance(row, dict):
        raise IntakeError("The .json beside the image is not a JSON object.")
    return entry_of(row, replace(guess_columns(list(row)), path=None), where, limits)


def _text(data: bytes | IntakeError, end: str) -> str:
    if isinstance(data, IntakeError):
        raise data
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise IntakeError(f"The {end} beside the image is not UTF-8; save it as such.") from error
