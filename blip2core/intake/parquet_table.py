"""Parquet: the row groups of a file, read in small batches."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from blip2core.errors import IntakeError
from blip2core.intake.csv_table import TableRow
from blip2core.intake.files import NamedFile

ROWS_AT_ONCE = 16
"""Rows that are in memory at once, with their images."""
MAX_GROUP = 2_000_000_000
"""Bytes that one column of a row group may unpack to, since Arrow reads it in large pieces."""


def parquet_schema(file: NamedFile) -> Any:
    """Return the columns with their types, as a pyarrow.Schema."""
    with _opened(file) as table:
        return table.schema_arrow


def parquet_batches(file: NamedFile, columns: Sequence[str]) -> Iterator[Any]:
    """Yield the rows, with the named columns only, as pyarrow.RecordBatch.

    Raises IntakeError where the file is damaged.
    """
    with _opened(file) as table, arrow_errors("Parquet"):
        _check_sizes(table, columns)
        for group in range(table.num_row_groups):  # given all of them, Arrow reads all ahead
            yield from table.iter_batches(ROWS_AT_ONCE, row_groups=[group], columns=list(columns))


def parquet_rows(file: NamedFile, columns: Sequence[str]) -> Iterator[TableRow]:
    """Yield the rows of a Parquet file, of these columns only. Raises IntakeError where it is
    damaged.
    """
    number = 0
    for batch in parquet_batches(file, columns):
        for index in range(batch.num_rows):
            number += 1
            yield number, row_of(batch, index, columns)


def row_of(batch: Any, index: int, names: Sequence[str]) -> dict[str, object] | IntakeError:
    """Return the cells of a row of a pyarrow.RecordBatch by column, or what is wrong with it."""
    try:
        return {name: batch.column(name)[index].as_py() for name in names}
    # Texts that are not UTF-8, dates out of range, time zones that nobody knows: what Arrow raises
    # is not told.
    except Exception:
        return IntakeError("A cell of the row cannot be read.")


@contextlib.contextmanager
def arrow_errors(format: str) -> Iterator[None]:
    """Turn Arrow's errors into IntakeError with our own message."""
    from pyarrow import ArrowException

    try:
        yield
    except (ArrowException, OSError, MemoryError, ValueError, OverflowError) as error:
        # ValueError: no UTF-8
        raise IntakeError(f"The {format} file is damaged; write it again.") from error


@contextlib.contextmanager
def _opened(file: NamedFile) -> Iterator[Any]:
    from pyarrow.parquet import ParquetFile

    with file.open() as opened, arrow_errors("Parquet"), ParquetFile(opened) as table:
        yield table


def _check_sizes(table: Any, columns: Sequence[str]) -> None:
    for group in range(table.metadata.num_row_groups):
        found = table.metadata.row_group(group)
        for index in range(found.num_columns):
            column = found.column(index)
            name = column.path_in_schema.partition(".")[0]
            if name in columns and column.total_uncompressed_size > MAX_GROUP:
                raise IntakeError("A row group of the table is too large; write smaller ones.")
