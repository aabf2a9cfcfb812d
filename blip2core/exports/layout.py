"""The description of a format, as the exporter uses it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from blip2core.config import ExportConfig
from blip2core.exports.output import Output
from blip2core.records import ExportPair


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One way to write pairs to files."""

    write: Callable[[Iterable[ExportPair], Output, ExportConfig], None]
    """Writes the pairs, which come image by image, under the folder of the output."""
    label: str
    """Its name for people."""
    what: str
    """One sentence of what lies where."""
    reading: str
    """Python that reads it, for the card."""
    data_files: str | None = None
    """Glob of the files of a `{split}`, where `datasets.load_dataset` reads them."""
    typed: bool = False
    """Whether the card must tell the loader the types of the columns: nulls hide them."""
    lists: bool = False
    """Whether it can hold one row per image with a list of captions."""
