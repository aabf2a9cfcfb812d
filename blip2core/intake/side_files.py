"""Texts in files beside an image: name.txt, name.caption, and the name.json of img2dataset."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

from blip2core.errors import IntakeError
from blip2core.intake.columns import entry_of, guess_columns
from blip2core.intake.entries import Entry, clean_texts
from blip2core.intake.limits import Limits

SIDE_SUFFIXES = (".txt", ".caption", ".json")
"""Ends of side files, in the order in which they are read."""
MAX_SIDE = 1_000_000
"""Bytes of a side file."""


def side_entries(where: str, files: Iterable[tuple[str, bytes]], limits: Limits) -> Entry:
    """Return one entry for all side files of an image, of which several may have the same suffix.

    Raises IntakeError as `side_entry` does.
    """
    groups: list[dict[str, bytes]] = [{}]
    counts: Counter[str] = Counter()
    for end, data in files:
        if counts[end] == len(groups):
            groups.append({})
        groups[counts[end]][end] = data
        counts[end] += 1
    entry, *others = (side_entry(where, group, limits) for group in groups)
    for other in others:
        entry = replace(
            entry,
            texts=clean_texts(entry.texts + other.texts, limits),
            url=entry.url or other.url,
            page_url=entry.page_url or other.page_url,
            license=entry.license or other.license,
        )
    return entry


def side_entry(where: str, files: Mapping[str, bytes], limits: Limits) -> Entry:
    """Return the entry that side files, given by suffix, make. Every line of a text is one text.

    IntakeError where one is not UTF-8, no JSON object, or too long.
    """
    lines = [
        line
        for end in SIDE_SUFFIXES[:2]
        if end in files
        for line in _text(files[end], end).splitlines()
    ]
    entry = Entry(where=where, texts=clean_texts(lines, limits))
    if ".json" not in files:
        return entry
    try:
        row = json.loads(_text(files[".json"], ".json"))
    except (ValueError, RecursionError) as error:
        raise IntakeError("The .json beside the image is not JSON.") from error
    if not isinstance(row, dict):
        raise IntakeError("The .json beside the image is not a JSON object.")
    said = entry_of(row, replace(guess_columns(list(row)), path=None), where, limits)
    return replace(said, texts=clean_texts(entry.texts + said.texts, limits))


def _text(data: bytes, end: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise IntakeError(f"The {end} beside the image is not UTF-8; save it as such.") from error
