"""Texts in files beside an image: name.txt, name.caption, and the name.json of img2dataset."""

import json
from collections.abc import Iterable
from dataclasses import replace

from blip2core.errors import IntakeError
from blip2core.intake.columns import entry_of, guess_columns
from blip2core.intake.entries import Entry, together
from blip2core.intake.image_texts import ImageTexts, texts_of
from blip2core.intake.limits import Limits
from blip2core.intake.names import suffix
from blip2core.records import Problem, TextOrigin

SIDE_SUFFIXES = (".txt", ".caption", ".json")
"""Ends of side files, in the order in which they are read."""
MAX_SIDE = 1_000_000
"""Bytes of a side file."""


SideFile = tuple[str, bytes | IntakeError]
"""Name of a side file, and its bytes or why it has none."""


def side_entry(where: str, files: Iterable[SideFile], limits: Limits) -> Entry:
    """Return the entry that the side files of an image make. Every line of a text is one text.

    A file that cannot be read, is not UTF-8, or no JSON object, counts as one text that is refused.
    """
    entry = Entry(where=where)
    for file in sorted(files, key=lambda file: SIDE_SUFFIXES.index(suffix(file[0]))):
        entry = together(entry, _entry_of(file, where, limits), limits)
    return entry


def _entry_of(file: SideFile, where: str, limits: Limits) -> Entry:
    name, data = file
    end = suffix(name)
    try:
        text = _text(data, end)
        if end == ".json":
            return _json_entry(text, where, limits)
    except IntakeError as error:
        refused = Problem(name=name, reason=str(error), about="text", texts=1)
        return Entry(where=where, found=ImageTexts(refused=(refused,)))
    lines = ((line, TextOrigin(place=end)) for line in text.splitlines())
    return Entry(where=where, found=texts_of(lines, where, limits))


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
