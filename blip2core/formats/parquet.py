"""Parquet: the row groups of a file, read in small batches.

An export has the images inside the table, and the features named in its schema as the Hub has them.
"""

import contextlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from blip2core.config import ExportConfig
from blip2core.errors import IntakeError
from blip2core.file_names import safe_name
from blip2core.formats.annotated import TableRow
from blip2core.formats.files import NamedFile
from blip2core.formats.format import Format, Output
from blip2core.formats.parquet_footer import column_sizes
from blip2core.formats.rows import COLUMN_TYPES, OF_IMAGE, rows, text_columns
from blip2core.formats.split_files import PerSplit, Shards
from blip2core.records import SUFFIX_OF_FORMAT, ExportPair

ROWS_AT_ONCE = 16
"""Rows that are in memory at once, with their images."""
MAX_GROUP = 2_000_000_000
"""Bytes that one column of a row group may unpack to, since Arrow reads it in large pieces."""
MAX_UNPACKED, MAX_RATIO = 2_000_000_000, 200
"""Bytes that a file may unpack to, however small it is; how many times its own size a larger one
may. A value that stands there once can be in each of millions of rows."""
MAX_VALUES = 100_000
"""Values of one cell, of lists in lists all of them; nulls take no bytes and count, too."""


def parquet_schema(file: NamedFile) -> Any:
    """Return the columns with their types, as a pyarrow.Schema."""
    with _opened(file) as table:
        return table.schema_arrow


def parquet_batches(file: NamedFile, columns: Sequence[str]) -> Iterator[Any]:
    """Yield the rows, with the named columns only, as pyarrow.RecordBatch.

    Raises IntakeError where the file is damaged, or unpacks to very much.
    """
    left = max(MAX_UNPACKED, MAX_RATIO * file.size())
    with _opened(file) as table, arrow_errors("Parquet"):
        _check_sizes(file, columns)
        for group in range(table.num_row_groups):  # given all of them, Arrow reads all ahead
            for batch in table.iter_batches(
                ROWS_AT_ONCE, row_groups=[group], columns=list(columns)
            ):
                left -= batch.nbytes
                if left < 0:
                    raise IntakeError(
                        "The rest of the table is not read: it unpacks to very much more than the "
                        "file has. Where that is meant, write it as several files."
                    )
                yield batch


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
        cells = {name: batch.column(name).slice(index, 1) for name in names}
        for name, cell in cells.items():
            if (values := _values_of(cell)) > MAX_VALUES:
                return IntakeError(
                    f"A cell of {safe_name(name, limit=40)} holds {values:,} values; "
                    f"at most {MAX_VALUES:,} are read."
                )
        return {name: cell[0].as_py() for name, cell in cells.items()}
    # Texts that are not UTF-8, dates out of range, time zones that nobody knows: what Arrow raises
    # is not told.
    except Exception:
        return IntakeError("A cell of the row cannot be read.")


def _values_of(array: Any) -> int:
    """Return how many values a pyarrow.Array holds, those in lists and structs included."""
    if pa.types.is_nested(array.type):
        inner = array.flatten()  # of a list its values, of a struct its columns
        return sum(map(_values_of, inner if isinstance(inner, list) else [inner]))
    return len(array)


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


def _check_sizes(file: NamedFile, columns: Sequence[str]) -> None:
    with file.open() as opened:
        groups = column_sizes(opened)
    if any(size > MAX_GROUP for group in groups for name, size in group if name in columns):
        raise IntakeError("A row group of the table is too large; write smaller ones.")


GROUP_ROWS = 1_000
GROUP_BYTES = 32 * 2**20
"""A row group ends at whichever comes first; one group is in memory for each split."""


class Table:
    """One Parquet file that grows by rows."""

    def __init__(self, writer: parquet.ParquetWriter) -> None:
        self._writer = writer
        self._rows: list[dict[str, Any]] = []
        self._bytes = 0

    def add(self, row: dict[str, Any]) -> None:
        """Add a row with its image as `image`."""
        self._rows.append(row)
        self._bytes += len(row["image"]["bytes"])
        if len(self._rows) >= GROUP_ROWS or self._bytes >= GROUP_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write the collected rows as one row group, if there are any."""
        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, schema=self._writer.schema))
        self._rows, self._bytes = [], 0


def write_parquet(pairs: Iterable[ExportPair], output: Output, config: ExportConfig) -> None:
    """Write `data/train-00000.parquet` and so on, with `config.shard_pairs` rows each."""

    def shards(split: str) -> Shards[Table]:
        return Shards(partial(_table, output, split, config), size=config.shard_pairs)

    with PerSplit(shards) as splits:
        for pair, row in rows(pairs, config):
            name = f"{pair.image_sha256}.{SUFFIX_OF_FORMAT[pair.format]}"
            image = {"bytes": output.read_image(pair), "path": name}
            splits[pair.split].next().add({"image": image, **row})


@contextmanager
def _table(output: Output, split: str, config: ExportConfig, number: int) -> Iterator[Table]:
    with (
        output.open(f"data/{split}-{number:05d}.parquet") as file,
        parquet.ParquetWriter(file, schema(config), compression="zstd") as writer,
    ):
        table = Table(writer)
        yield table
        table.flush()


def schema(config: ExportConfig) -> pa.Schema:
    """Return the columns, and in the metadata the features as `datasets` writes them in its own
    files.
    """
    image, text = _kinds(OF_IMAGE), _kinds(text_columns(config))
    fields = [("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())]))]
    features: dict[str, Any] = {"image": {"_type": "Image"}}
    if config.captions == "lists":
        fields += [
            ("captions", pa.list_(pa.string())),
            ("details", pa.list_(pa.struct(_arrow(text)))),
        ]
        features |= {"captions": [_value("string")], "details": [_values(text)]}
        plain = image
    else:
        plain = {"text": "string"} | text | image
    features |= _values(plain)
    return pa.schema(
        [*fields, *_arrow(plain)],
        metadata={"huggingface": json.dumps({"info": {"features": features}})},
    )


def _kinds(names: Iterable[str]) -> dict[str, str]:
    return {name: COLUMN_TYPES[name] for name in names}


def _arrow(kinds: dict[str, str]) -> list[tuple[str, Any]]:
    return [(name, pa.type_for_alias(kind)) for name, kind in kinds.items()]


def _values(kinds: dict[str, str]) -> dict[str, dict[str, str]]:
    return {name: _value(kind) for name, kind in kinds.items()}


def _value(kind: str) -> dict[str, str]:
    return {"dtype": kind, "_type": "Value"}


PARQUET = Format(
    write=write_parquet,
    label="Parquet",
    what="Tables per split in `data`, with the image files as bytes in the column `image`.",
    example='datasets.load_dataset("parquet", data_dir="FOLDER/data")',
    data_files="data/{split}-*.parquet",
    lists=True,
)
