"""Inputs and outputs of commands: images given by name, and results line by line."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from blip2core.errors import ImageError
from blip2core.images import find_images, open_image
from blip2core.texts import visible

if TYPE_CHECKING:
    from PIL.Image import Image

BAD_CALL = 2


class NamedImages:
    """The images a call names, opened one by one. One that cannot be read is reported and
    skipped; `finish` then ends the command with an exit code.
    """

    def __init__(self, sources: Iterable[str], as_json: bool) -> None:
        self._names = [name for source in sources for name in _names(source)]
        self._as_json, self._failed = as_json, False

    def __iter__(self) -> Iterator[tuple[str, "Image"]]:
        for name in self._names:
            try:
                yield name, open_image(sys.stdin.buffer.read() if name == "-" else name)
            except ImageError as error:
                self._failed = True
                if self._as_json:
                    write_row({"image": name, "error": str(error)}, True)
                else:
                    print(f"blip2: {error}", file=sys.stderr)

    def label(self, name: str) -> str:
        """Return what a line begins with: the name, where there are several named."""
        return name if len(self._names) > 1 else ""

    def finish(self) -> None:
        """End the command with exit code 2 where an image could not be read."""
        if self._failed:
            raise typer.Exit(BAD_CALL)


def write_row(row: Mapping[str, object], as_json: bool, *words: str) -> None:
    """Print one result on a line: `row` as JSON, or the words with tabs between them.

    Line breaks, tabs and control codes inside a word are spelled out: it may come from anyone.
    """
    shown = "\t".join(visible(word) for word in words if word)
    print(visible_json(row) if as_json else shown, flush=True)


def visible_json(value: object) -> str:
    r"""Return JSON for a terminal: letters as they are, and what cannot be seen or steers a
    terminal as the \uXXXX of JSON, from which every reader has the same text.
    """
    line = json.dumps(value, ensure_ascii=False)
    return "".join(one if visible(one) == one else json.dumps(one)[1:-1] for one in line)


def flat(figures: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Yield ("captions.noun_f1", value) pairs of nested figures."""
    for name, value in figures.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _names(source: str) -> list[str]:
    """Return the names of the images in a folder; any other source stands for itself."""
    is_folder = source != "-" and Path(source).is_dir()
    return [str(path) for path in find_images(source)] if is_folder else [source]
