"""A table of images -> its entries, whatever format it has."""

from collections.abc import Iterator
from itertools import islice

from blip2core.errors import IntakeError
from blip2core.intake.arrow_rows import arrow_rows
from blip2core.intake.columns import Columns, entry_of, find_columns
from blip2core.intake.csv_table import TableRow, csv_header, csv_rows
from blip2core.intake.entries import Entry, merged
from blip2core.intake.files import NamedFile, kind_of
from blip2core.intake.jsonl_table import jsonl_rows
from blip2core.intake.limits import Limits
from blip2core.intake.names import safe_name
from blip2core.records import Problem


def table_entries(
    file: NamedFile, columns: Columns | None, limits: Limits
) -> Iterator[Entry | Problem]:
    """Return one entry for each image of a table, and a Problem for each row that cannot be used.

    What is wrong with the table as a whole is a Problem too.
    """
    return merged(_entries(file, columns, limits), limits)


def _entries(file: NamedFile, columns: Columns | None, limits: Limits) -> Iterator[Entry | Problem]:
    try:
        rows, found = _rows(file, columns)
        for number, row in islice(rows, limits.rows):
            where = f"{file.name}, row {number}" if number else file.name
            if isinstance(row, IntakeError):
                yield Problem(name=where, reason=str(row))
                continue
            try:
                entry = entry_of(row, found or find_columns(list(row)), where, limits)
            except IntakeError as error:
                yield Problem(name=where, reason=str(error))
                continue
            if entry.path or entry.url or entry.data:
                yield entry
            else:
                yield Problem(name=where, reason="The row names no image.")
        if next(rows, None) is not None:
            yield Problem(
                name=file.name,
                reason=f"Only the first {limits.rows:,} rows were read; split the table.",
            )
    except IntakeError as error:
        yield Problem(name=file.name, reason=str(error))


def _rows(file: NamedFile, wanted: Columns | None) -> tuple[Iterator[TableRow], Columns | None]:
    """Return the rows, and which column is what; None where that is looked up in each row."""
    kind = kind_of(file)
    if kind == "jsonl":
        return jsonl_rows(file), wanted
    if kind in ("parquet", "arrow"):
        return arrow_rows(file, kind, wanted)
    if kind == "csv":
        return csv_rows(file), find_columns(csv_header(file), wanted)
    raise IntakeError(f"{safe_name(file.name)} is no table of images (CSV, JSONL, Parquet, Arrow).")
