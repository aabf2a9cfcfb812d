"""Texts in files beside an image: name.txt, name.caption, and the name.json of img2dataset."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from blip2core.errors import IntakeError
from blip2core.intake.columns import entry_of, guess_columns
from blip2core.intake.encodings import Encoding, decode
from blip2core.intake.entries import Entry, clean_texts
from blip2core.intake.limits import Limits
from blip2core.records import Problem
from blip2core.texts import clean_text

SIDE_SUFFIXES = (".txt", ".caption", ".json")
"""Ends of side files, in the order in which they are read."""
MAX_SIDE = 1_000_000
"""Bytes of a side file."""


class GuessedEncodings:
    """Side files that are not UTF-8 and whose encoding was guessed, told together."""

    def __init__(self) -> None:
        self._names: dict[str, list[str]] = {}

    def add(self, name: str, encoding: Encoding) -> None:
        """Remember a file, where its encoding was guessed."""
        if encoding.guessed:
            self._names.setdefault(encoding.label, []).append(name)

    def told(self) -> Iterator[Problem]:
        """Yield a Problem for each encoding, under the name of the first file."""
        for label, names in self._names.items():
            which = "This file is" if len(names) == 1 else f"{len(names):,} such files are"
            yield Problem(
                name=names[0],
                reason=f"{which} not UTF-8 and read as {label}; where letters look wrong, save as "
                "UTF-8 and import again.",
            )


def side_entry(
    where: str,
    files: Mapping[str, bytes],
    limits: Limits,
    *,
    known: Sequence[str] = (),
    guessed: GuessedEncodings | None = None,
) -> Entry:
    """Return the entry that side files, given by suffix, make. Every line of a text is one text.

    A text with line breaks, which such a file cannot hold, is taken from where it stands whole:
    the .json beside it, or the `known` texts of the image. Encodings that had to be guessed are
    added to `guessed`. IntakeError where a file is not UTF-8, no JSON object, or too long.
    """

    def text(end: str) -> str:
        return _text(where, files[end], end, guessed)

    said = Entry(where=where)
    if ".json" in files:
        said = _json_entry(where, text(".json"), limits)
    whole = (*known, *said.texts)
    lines = [
        line
        for end in SIDE_SUFFIXES[:2]
        if end in files
        for line in without_copies(text(end), whole)
    ]
    return replace(said, texts=clean_texts((*clean_texts(lines, limits), *said.texts), limits))


def without_copies(content: str, texts: Iterable[str]) -> list[str]:
    """Return the lines of a text file, but those that are one of `texts` on a single line; none
    where all lines together are one of them, as in webdataset.
    """
    known = set(map(_on_one_line, texts))
    if _on_one_line(content) in known:
        return []
    return [line for line in content.splitlines() if _on_one_line(line) not in known]


def _on_one_line(text: str) -> str:
    """Return a text as it is compared with a line: a mark of byte order is lost at its start."""
    return " ".join(clean_text(text).replace("\ufeff", " ").split())


def _json_entry(where: str, content: str, limits: Limits) -> Entry:
    try:
        row = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise IntakeError("The .json beside the image is not JSON.") from error
    if not isinstance(row, dict):
        raise IntakeError("The .json beside the image is not a JSON object.")
    return entry_of(row, replace(guess_columns(list(row)), path=None), where, limits)


def _text(where: str, data: bytes, end: str, guessed: GuessedEncodings | None) -> str:
    """Return a side file as a text; an encoding is guessed only where that can be told."""
    try:
        text, encoding = decode(data)
    except IntakeError as error:
        raise IntakeError(f"The {end} beside the image is not UTF-8; save it as such.") from error
    if encoding.guessed and guessed is None:
        raise IntakeError(f"The {end} beside the image is not UTF-8; save it as such.")
    if guessed is not None:
        guessed.add(f"{where}: {end}", encoding)
    return text
