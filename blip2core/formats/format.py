"""What a format is: how a JSON document of it is read, and how accepted pairs are written in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Protocol

from blip2core.config import ExportConfig
from blip2core.formats.annotated import AnnotatedImage
from blip2core.records import ExportPair


class Output(Protocol):
    """The new folder that a format is written to; `blip2core.exports.output` makes one."""

    left_out: Counter[str]
    """Pairs that the format cannot hold, by reason."""
    notes: list[str]
    """What the card says of these files besides the counts, one sentence each."""

    def open(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Open a new file, named relative to the folder."""

    def scratch(self) -> AbstractContextManager[BinaryIO]:
        """Open a temporary file without a name."""

    def read_image(self, pair: ExportPair) -> bytes:
        """Return the image of a pair as it is written."""

    def add_image(self, pair: ExportPair, under: str, *, flat: bool = False) -> str:
        """Write the image of a pair below `under`, once; returns its name from `under` on.

        Named by its hash, and spread over 256 folders unless `flat`.
        """


def _never(document: Any) -> bool:
    return False


def _nothing(document: Any) -> Iterator[AnnotatedImage]:
    return iter(())


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One way in which images and texts lie in files."""

    label: str
    """Its name for people."""
    is_it: Callable[[Any], bool] = _never
    """Whether a JSON document has this format. Formats of another kind are told by their files:
    `blip2core.formats.files.kind_of`."""
    is_row: Callable[[Mapping[str, Any]], bool] = _never
    """Whether a row has this format: an object of a JSON list, a line of a .jsonl. Each row of
    such a file decides for itself, and a document of the format is a list of such rows."""
    read: Callable[[Any], Iterator[AnnotatedImage]] = _nothing
    """Yields what such a document says of each image. Raises nothing: odd entries are passed by as
    an image without a name, which the reader reports.
    """
    write: Callable[[Iterable[ExportPair], Output, ExportConfig], None] | None = None
    """Writes pairs, which come image by image, under the folder of the output. None where the
    format is only read."""
    one_way: bool = False
    """Whether no import reads what is written: all other formats give back what they were given."""
    what: str = ""
    """One sentence of what is written where."""
    example: str = ""
    """Python that reads what was written, for the card."""
    data_files: str | None = None
    """Glob of the files of a `{split}`, where `datasets.load_dataset` reads them."""
    loader: Mapping[str, Any] = field(default_factory=dict)
    """What the card tells `datasets.load_dataset` besides, by the names of its settings."""
    typed: bool = False
    """Whether the card must tell the loader the types of the columns: nulls hide them."""
    lists: bool = False
    """Whether it can hold one row per image with a list of captions."""
