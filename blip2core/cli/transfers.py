"""What the commands show of files that come from other storages or go there."""

import sys
from typing import TYPE_CHECKING, TextIO

from blip2core.remote.transfers import Transfer, megabytes

if TYPE_CHECKING:
    from blip2core.intake import Storages

RATE_FILES = 100
"""Files between two lines, where nobody watches one that changes."""


class TransferLine:
    """How far a transfer is: one line that changes on a terminal, and a line now and then in a log.

    It stands on standard error, so that results can be read from standard output.
    """

    def __init__(self, output: TextIO | None = None) -> None:
        self._output = output or sys.stderr

    def __call__(self, transfer: Transfer) -> None:
        is_last = transfer.files == transfer.all_files
        words = (
            f"{transfer.files:,} of {transfer.all_files:,} files, "
            f"{megabytes(transfer.bytes)} of {megabytes(transfer.all_bytes)}"
        )
        if self._output.isatty():
            print(f"\r\x1b[K{words}", end="\n" if is_last else "", file=self._output, flush=True)
        elif is_last or transfer.files % RATE_FILES == 0:
            print(words, file=self._output, flush=True)


def storages() -> "Storages":
    """Return that a command may read from other storages, with its progress on standard error."""
    from blip2core.intake import Storages

    return Storages(show=TransferLine())
