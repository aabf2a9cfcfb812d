"""Files that are opened as pairs come: one per split, or a new one after so many."""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import Generic, Self, TypeVar

Opened = TypeVar("Opened")


class PerSplit(dict[str, Opened], Generic[Opened]):
    """split -> what `make` opens for it, at its first use; all closed together."""

    def __init__(self, make: Callable[[str], AbstractContextManager[Opened]]) -> None:
        super().__init__()
        self._make = make
        self._open = ExitStack()

    def __missing__(self, split: str) -> Opened:
        self[split] = opened = self._open.enter_context(self._make(split))
        return opened

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.__exit__(kind, error, trace)


class Shards(Generic[Opened]):
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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.__exit__(kind, error, trace)
