"""The lines of a text file of unknown encoding and size."""

import codecs
import io
from collections.abc import Iterator
from typing import BinaryIO

MAX_LINE = 1_000_000
"""Characters of one line; a longer one is left out."""
MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
"""First bytes of a file -> its encoding; without any it is UTF-8."""


class Lines:
    """Iterates over lines, their ends included; one that is too long is skipped and counted.

    Bytes that are not UTF-8 come as halves of surrogate pairs: `is_broken` tells. As a context
    manager it closes the file.
    """

    def __init__(self, file: BinaryIO) -> None:
        head = file.read(3)
        file.seek(0)
        encoding = next((name for mark, name in MARKS.items() if head.startswith(mark)), "utf-8")
        errors = "replace" if encoding == "utf-16" else "surrogateescape"
        self._file = io.TextIOWrapper(file, encoding=encoding, errors=errors, newline="")
        self.skipped = 0

    def __enter__(self) -> "Lines":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[str]:
        while line := self._file.readline(MAX_LINE):
            if len(line) < MAX_LINE:
                yield line
                continue
            self.skipped += 1
            while line and not line.endswith(("\n", "\r")):
                line = self._file.readline(MAX_LINE)


def is_broken(text: str) -> bool:
    """Return whether the text held bytes that are not UTF-8."""
    return any("\ud800" <= character <= "\udfff" for character in text)
