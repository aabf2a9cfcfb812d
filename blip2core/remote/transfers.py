"""How far a transfer is: files and bytes that have arrived, of how many."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """What has arrived so far."""

    files: int
    all_files: int
    bytes: int
    all_bytes: int


ShowTransfer = Callable[[Transfer], None]
"""Called after each file, by one thread at a time."""


def show_nothing(_: Transfer) -> None:
    """Show no progress."""


def megabytes(count: int) -> str:
    """Return a number of bytes in words: 512 bytes, 3.4 MB."""
    return f"{count / 1e6:,.1f} MB" if count >= 100_000 else f"{count:,} bytes"
