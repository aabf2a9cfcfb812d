"""Files that are opened as pairs come: one per split, or a new one after so many."""

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from posixpath import basename
from types import TracebackType
from typing import Any, BinaryIO, Generic, Self, TypeVar

from blip2core.formats.format import Output
from blip2core.formats.rows import json_line
from blip2core.records import ExportPair

Opened = TypeVar("Opened")
LEFT_OUT = "left_out.jsonl"


class _Files:
    """Files that are opened one by one and closed together."""

    _open: ExitStack

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.__exit__(kind, error, trace)


class PerSplit(_Files, dict[str, Opened], Generic[Opened]):
    """split -> what `make` opens for it, at its first use; all closed together."""

    def __init__(self, make: Callable[[str], AbstractContextManager[Opened]]) -> None:
        super().__init__()
        self._make = make
        self._open = ExitStack()

    def __missing__(self, split: str) -> Opened:
        self[split] = opened = self._open.enter_context(self._make(split))
        return opened


class Shards(_Files, Generic[Opened]):
    """A row of files that hold `size` entries each."""

    def __init__(self, make: Callable[[int], AbstractContextManager[Opened]], *, size: int) -> None:
        """Take `make`, which opens the file of a number, counted from 0."""
        self._make, self._size = make, size
        self._open = ExitStack()
        self._file: Opened
        self.entries = 0
        """Handed out so far."""

    def next(self) -> Opened:
        """Return the file that the next entry belongs to."""
        number, place = divmod(self.entries, self._size)
        if place == 0:
            self._open.close()
            self._file = self._open.enter_context(self._make(number))
        self.entries += 1
        return self._file


class JsonList:
    """A JSON array that grows in a file."""

    def __init__(self, file: BinaryIO) -> None:
        """Take a file, in which other JSON may stand before the array."""
        self._file = file
        self._separator = b"[\n"

    def add(self, value: Any) -> None:
        """Write one more element."""
        self._file.write(self._separator + json.dumps(value, ensure_ascii=False).encode())
        self._separator = b",\n"

    def close(self) -> None:
        """End the array; what stands behind it may follow."""
        self._file.write(b"\n]" if self._separator == b",\n" else b"[]")


def is_left_out(name: str, row: Mapping[str, object]) -> bool:
    """Return whether a row is one that `LeftOut` wrote: no image and no text is in it."""
    return basename(name) == LEFT_OUT and row.keys() == {"caption_id", "reason"}


class LeftOut(_Files):
    """Pairs that a format cannot hold: counted, and named in a file where there are any."""

    def __init__(self, output: Output) -> None:
        self._output, self._open = output, ExitStack()
        self._file: BinaryIO | None = None

    def add(self, pair: ExportPair, reason: str) -> None:
        """Name a pair with the reason."""
        self._output.left_out[reason] += 1
        if self._file is None:
            self._file = self._open.enter_context(self._output.open(LEFT_OUT))
        self._file.write(json_line({"caption_id": pair.caption_id, "reason": reason}))
