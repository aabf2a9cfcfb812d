"""Arrow IPC, as a file or a stream, which is also what `datasets` saves and keeps in its cache.

Both are the same messages, read here from front to back: the list of them that stands at the end of
a file is not needed.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from blip2core.errors import IntakeError
from blip2core.formats.arrow_messages import DICTIONARY, RECORD_BATCH, message_sizes
from blip2core.formats.files import ARROW_FILE, NamedFile
from blip2core.formats.parquet import arrow_errors

MAX_BATCH = 2_000_000_000
"""Bytes that one record batch, or all dictionaries, may take in memory: they are read whole."""
TOO_LARGE = "A record batch of the table is too large; write smaller ones."


def arrow_schema(file: NamedFile) -> Any:
    """Return the columns with their types, as a pyarrow.Schema."""
    from pyarrow import ipc

    with file.open() as opened, arrow_errors("Arrow"):
        opened.seek(_start(opened))
        return ipc.open_stream(_Bounded(opened)).schema


def arrow_batches(file: NamedFile, columns: Sequence[str]) -> Iterator[Any]:
    """Yield the rows, with the named columns only, as pyarrow.RecordBatch.

    Raises IntakeError where the file is damaged, or unpacks to more than `MAX_BATCH` at once.
    """
    from pyarrow import ipc

    names = arrow_schema(file).names
    options = ipc.IpcReadOptions(included_fields=sorted(names.index(name) for name in columns))
    with file.open() as opened, file.open() as ahead, arrow_errors("Arrow"):
        opened.seek(_start(opened))
        reader = ipc.open_stream(_Bounded(opened), options=options)
        for _ in _checked_batches(ahead):
            batch = reader.read_next_batch()
            batch.validate(full=True)  # reading trusts the offsets that the file gives
            yield batch


def _checked_batches(file: BinaryIO) -> Iterator[None]:
    """Yield once for each record batch that may be read, with the dictionaries before it.

    Raises IntakeError where one is damaged or too large.
    """
    dictionaries = 0
    file.seek(_start(file))
    try:
        for message in message_sizes(file):
            dictionaries += message.bytes if message.kind == DICTIONARY else 0
            if max(message.bytes, dictionaries) > MAX_BATCH:
                raise IntakeError(TOO_LARGE)
            if message.kind == RECORD_BATCH:
                yield
    except struct.error as error:
        raise IntakeError("The Arrow file is damaged; write it again.") from error


class _Bounded:
    """A file of which nothing is read at once that is larger than a batch may be."""

    closed = False

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, count: int) -> bytes:
        if not 0 <= count <= MAX_BATCH:
            raise IntakeError(TOO_LARGE)
        return self._file.read(count)


def _start(file: BinaryIO) -> int:
    """Return where the messages begin: a file has a magic word before them, a stream none."""
    return len(ARROW_FILE) if file.read(len(ARROW_FILE)) == ARROW_FILE else 0
