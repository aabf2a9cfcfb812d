"""Parquet: paths and addresses, or the images themselves, as `datasets` and img2dataset write."""

import contextlib
from collections.abc import Iterator
from typing import Any

from blip2core.errors import IntakeError
from blip2core.intake.csv_table import TableRow
from blip2core.intake.files import NamedFile
from blip2core.intake.names import safe_name

ROWS_AT_ONCE = 64
"""Rows that are in memory at once, with their images."""
MAX_GROUP = 2_000_000_000
"""Bytes that one column of a row group may unpack to, since Arrow reads it in large pieces."""


def parquet_header(file: NamedFile) -> list[str]:
    """Return the names of the columns."""
    with _opened(file) as table:
        return list(table.schema_arrow.names)


def parquet_rows(file: NamedFile, columns: tuple[str, ...]) -> Iterator[TableRow]:
    """Yield the rows, with the named columns only. Raises IntakeError where the file is damaged."""
    number = 0
    with _opened(file) as table, _told(file):
        _check_names(table, columns)
        _check_sizes(table, columns)
        for batch in table.iter_batches(batch_size=ROWS_AT_ONCE, columns=list(columns)):
            for index in range(batch.num_rows):
                number += 1
                try:
                    row = {name: batch.column(name)[index].as_py() for name in columns}
                # Texts that are not UTF-8, dates out of range, time zones that nobody knows: what
                # Arrow raises is not told.
                except Exception:
                    yield number, IntakeError("A cell of the row cannot be read.")
                else:
                    yield number, row


@contextlib.contextmanager
def _opened(file: NamedFile) -> Iterator[Any]:
    from pyarrow.parquet import ParquetFile

    with file.open() as opened, _told(file), ParquetFile(opened) as table:
        yield table


@contextlib.contextmanager
def _told(file: NamedFile) -> Iterator[None]:
    """Turn Arrow's errors into IntakeError with our own message."""
    from pyarrow import ArrowException

    try:
        yield
    except (ArrowException, OSError, MemoryError, ValueError) as error:  # ValueError: no UTF-8
        raise IntakeError("The Parquet file is damaged; write it again.") from error


def _check_names(table: Any, columns: tuple[str, ...]) -> None:
    names = list(table.schema_arrow.names)
    for name in columns:
        if names.count(name) > 1:
            raise IntakeError(f"Several columns are called {safe_name(name)}; rename them.")


def _check_sizes(table: Any, columns: tuple[str, ...]) -> None:
    for group in range(table.metadata.num_row_groups):
        found = table.metadata.row_group(group)
        for index in range(found.num_columns):
            column = found.column(index)
            name = column.path_in_schema.partition(".")[0]
            if name in columns and column.total_uncompressed_size > MAX_GROUP:
                raise IntakeError("A row group of the table is too large; write smaller ones.")
