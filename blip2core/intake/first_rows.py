"""The first rows of a table with typed columns, of which no more is read than they need."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from blip2core.errors import IntakeError
from blip2core.file_names import safe_name
from blip2core.formats.arrow import arrow_batches
from blip2core.formats.arrow_messages import RECORD_BATCH, message_sizes
from blip2core.formats.files import ARROW_FILE, NamedFile
from blip2core.formats.parquet import arrow_errors, row_of
from blip2core.formats.parquet_footer import column_sizes

FIRST_BATCH = 100_000_000
"""Bytes of typed columns that are read whole for their first rows."""


def first_rows(
    file: NamedFile, kind: str, header: Sequence[str], count: int
) -> tuple[list[Mapping[str, object]], list[str]]:
    """Return so many rows of a Parquet or Arrow file, of the columns in `header`, and what is to be
    known of those that cannot be read.
    """
    rows, notes = list[Mapping[str, object]](), list[str]()
    read = header
    try:
        if kind == "parquet":
            read = _small_columns(file, header)
            if left := [safe_name(name) for name in header if name not in read]:
                notes.append(f"Too large to be shown before the import: {', '.join(left[:10])}.")
        is_parquet = kind == "parquet"
        batches = _parquet_batches(file, read, count) if is_parquet else _arrow_batches(file, read)
        for batch in batches:
            for index in range(min(batch.num_rows, count - len(rows))):
                row = row_of(batch, index, read)
                if isinstance(row, IntakeError):
                    notes.append(str(row))
                else:
                    rows.append(row)
            if len(rows) + len(notes) >= count:
                break
    except IntakeError as error:
        notes.append(str(error))
    return rows, notes


def _small_columns(file: NamedFile, header: Sequence[str]) -> Sequence[str]:
    """Return the columns whose first part can be read whole."""
    with file.open() as opened:
        first = next(iter(column_sizes(opened)), [])
    sizes = Counter[str]()
    for name, size in first:
        sizes[name] += size
    return [name for name in header if sizes[name] <= FIRST_BATCH]


def _parquet_batches(file: NamedFile, header: Sequence[str], count: int) -> Iterator[Any]:
    """Yield the first rows; with a buffer Arrow reads no more of a column than it needs."""
    from pyarrow.parquet import ParquetFile

    with (
        file.open() as opened,
        arrow_errors("Parquet"),
        ParquetFile(opened, buffer_size=1 << 16) as table,
    ):
        yield from table.iter_batches(count, row_groups=[0][: table.num_row_groups], columns=header)


def _arrow_batches(file: NamedFile, header: Sequence[str]) -> Iterator[Any]:
    if (size := _first_batch(file)) > FIRST_BATCH:
        raise IntakeError(f"Its rows are not shown: the first batch of them has {size:,} bytes.")
    yield from arrow_batches(file, header)


def _first_batch(file: NamedFile) -> int:
    """Return how many bytes must be read for the first rows. IntakeError where it is damaged."""
    largest = 0
    with file.open() as opened:
        opened.seek(len(ARROW_FILE) if opened.read(len(ARROW_FILE)) == ARROW_FILE else 0)
        try:
            for message in message_sizes(opened):
                largest = max(largest, message.bytes)
                if message.kind == RECORD_BATCH:
                    break
        except struct.error as error:
            raise IntakeError("The Arrow file is damaged; write it again.") from error
    return largest
