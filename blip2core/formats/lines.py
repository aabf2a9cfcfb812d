"""The lines of a text file of unknown encoding and size."""

import io
from collections.abc import Iterator
from typing import BinaryIO

from blip2core.formats.encodings import find_encoding, is_broken

__all__ = ["MAX_LINE", "Lines", "is_broken", "split_lines"]

MAX_LINE = 12_000_000
"""Characters of one line; a longer one is left out."""


class Lines:
    """Iterates over lines, their ends included; one that is too long is skipped and counted.

    Bytes that are not of the encoding come as halves of surrogate pairs: `is_broken` tells. As a
    context manager it closes the file.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.encoding = find_encoding(file)
        file.seek(0)
        self._file = io.TextIOWrapper(
            file, encoding=self.encoding.name, errors=self.encoding.errors, newline=""
        )
        self.skipped = 0

    def __enter__(self) -> "Lines":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[str]:
        return (line for _, line in self.numbered() if line is not None)

    def numbered(self) -> Iterator[tuple[int, str | None]]:
        """Yield each line with its number, counted from 1; None for one that is too long."""
        number = 0
        while line := self._file.readline(MAX_LINE):
            number += 1
            if len(line) < MAX_LINE:
                yield number, line
                continue
            self.skipped += 1
            while line and not line.endswith(("\n", "\r")):
                line = self._file.readline(MAX_LINE)
            yield number, None


def split_lines(text: str) -> list[str]:
    """Return the lines of a text by line feeds and carriage returns; what else Unicode calls a line
    end (form feed, U+2028) is part of a line.
    """
    return [line.removesuffix("\n") for line in io.StringIO(text, newline=None)]
