"""Texts in files beside an image: name.txt, name.caption, and the name.json of img2dataset."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from blip2core.errors import IntakeError
from blip2core.file_names import safe_name, suffix
from blip2core.formats.encodings import Encoding, decode
from blip2core.formats.lines import split_lines
from blip2core.intake.columns import guess_columns
from blip2core.intake.entries import Entry, together
from blip2core.intake.image_texts import ImageTexts, joined, texts_of
from blip2core.intake.limits import Limits
from blip2core.intake.other_files import NO_TEXT, OtherFiles
from blip2core.intake.row_entries import entry_of
from blip2core.intake.unused_columns import UnusedColumns
from blip2core.records import Problem, TextOrigin, Told, Unused
from blip2core.texts import clean_text

SIDE_SUFFIXES = (".txt", ".caption", ".json")
"""Ends of side files, in the order in which they are read."""
MAX_SIDE = 1_000_000
"""Bytes of a side file."""
OTHER_FIELD = "looks like texts: of a .json beside an image `text`, `caption` and such are read"
SideFile = tuple[str, bytes | IntakeError]
"""Name of a side file, and its bytes or why it has none."""


class SideNotes:
    """Side files that are told together: those whose encoding was guessed, since they are not
    UTF-8, those that say nothing, and fields that look like texts and are not used.
    """

    def __init__(self) -> None:
        self._names: dict[str, list[str]] = {}
        self._silent = OtherFiles()
        self._unused = UnusedColumns()
        self._first: dict[str, str] = {}

    def add(self, name: str, encoding: Encoding) -> None:
        """Remember a file, where its encoding was guessed."""
        if encoding.guessed:
            self._names.setdefault(encoding.label, []).append(name)

    def add_row(self, name: str, row: dict[str, object]) -> None:
        """Remember what is not used of a .json."""
        if _is_silent(row):
            self._silent.add(name, NO_TEXT)
            return
        self._unused.see(row, guess_columns(list(row)))
        for field in row:
            self._first.setdefault(field, name)

    def told(self) -> Iterator[Told]:
        """Yield a Problem for each encoding, under the name of the first file; then those that
        say nothing.
        """
        for label, names in self._names.items():
            which = "This file is" if len(names) == 1 else f"{len(names):,} such files are"
            reason = (
                f"{which} not UTF-8 and read as {label}; where letters look wrong, save as UTF-8 "
                "and import again."
            )
            yield Problem(name=names[0], reason=reason, about="note")
        yield from self._silent.told()
        for field in self._unused.names():
            name = f"{self._first[field]}, field {safe_name(field)}"
            yield Unused(kind="column", name=name, advice=OTHER_FIELD)


def side_entry(
    where: str,
    files: Iterable[SideFile],
    limits: Limits,
    *,
    known: Sequence[str] = (),
    notes: SideNotes | None = None,
) -> Entry:
    """Return the entry that the side files of an image make. Every line of a text is one text.

    A text with line breaks, which such a file cannot hold, is taken from where it stands whole:
    the .json beside it, or the `known` texts of the image. Encodings that had to be guessed are
    added to `notes`, and so is a .json without anything that is used. A file that cannot be read,
    is not UTF-8, or no JSON object, counts as one text that is refused.
    """
    said = Entry(where=where)
    contents: list[tuple[str, str]] = []
    refused: list[Problem] = []
    for name, data in sorted(files, key=lambda file: SIDE_SUFFIXES.index(suffix(file[0]))):
        try:
            content = _text(name, data, notes)
            if suffix(name) == ".json":
                row = _json_row(content)
                said = together(said, _json_entry(row, where, limits), limits)
                if notes is not None:
                    notes.add_row(name, row)
            else:
                contents.append((suffix(name), content))
        except IntakeError as error:
            refused.append(Problem(name=name, reason=str(error), about="text", texts=1))
    whole = (*known, *said.texts)
    parts = [_lines(where, end, content, whole, limits) for end, content in contents]
    found = joined((*parts, said.found, ImageTexts(refused=tuple(refused))), where, limits)
    return replace(said, found=found)


def _lines(where: str, end: str, content: str, whole: Iterable[str], limits: Limits) -> ImageTexts:
    """Return the texts of a file of lines; those that are known whole are duplicates."""
    lines, copies = without_copies(content, whole)
    origin = TextOrigin(place=end)
    found = texts_of(((line, origin) for line in lines), where, limits)
    return replace(found, duplicates=found.duplicates + copies)


def without_copies(content: str, texts: Iterable[str]) -> tuple[list[str], int]:
    """Return the lines of a text file, but those that are one of `texts` on a single line, and how
    many texts were left out: one where all lines together are one of them, as in webdataset.
    """
    known = set(map(on_one_line, texts))
    if not known:
        return split_lines(content), 0
    if on_one_line(content) in known:
        return [], 1
    lines = split_lines(content)
    kept = [line for line in lines if on_one_line(line) not in known]
    return kept, len(lines) - len(kept)


def on_one_line(text: str) -> str:
    """Return a text as it is compared with a line: a mark of byte order is lost at its start."""
    return " ".join(clean_text(text).replace("\ufeff", " ").split())


def _json_row(content: str) -> dict[str, object]:
    """Return the object of a .json. Raises IntakeError where it is none."""
    try:
        row = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise IntakeError("The .json beside the image is not JSON.") from error
    if not isinstance(row, dict):
        raise IntakeError("The .json beside the image is not a JSON object.")
    return row


def _json_entry(row: dict[str, object], where: str, limits: Limits) -> Entry:
    """Return what a .json says."""
    return entry_of(row, replace(guess_columns(list(row)), path=None), where, limits)


def _is_silent(row: dict[str, object]) -> bool:
    """Return whether a .json has fields and none is one that is used."""
    columns = guess_columns(list(row))
    return bool(row) and not (columns.texts or columns.url or columns.page_url or columns.license)


def _text(name: str, data: bytes | IntakeError, notes: SideNotes | None) -> str:
    """Return a side file as a text; an encoding is guessed only where that can be told."""
    if isinstance(data, IntakeError):
        raise data
    end = suffix(name)
    try:
        text, encoding = decode(data)
    except IntakeError as error:
        raise IntakeError(f"The {end} beside the image is not UTF-8; save it as such.") from error
    if encoding.guessed and notes is None:
        raise IntakeError(f"The {end} beside the image is not UTF-8; save it as such.")
    if notes is not None:
        notes.add(name, encoding)
    return text
