"""Parquet for the Hub: images inside the table, and the features named in its schema."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from blip2core.config import ExportConfig
from blip2core.exports.files import PerSplit, Shards
from blip2core.exports.layout import Format
from blip2core.exports.output import Output, read_image
from blip2core.exports.rows import COLUMN_TYPES, OF_IMAGE, OF_TEXT, rows
from blip2core.records import ExportPair
from blip2core.storage.images import SUFFIX_OF_FORMAT

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
    lists = config.captions == "lists"

    def shards(split: str) -> Shards[Table]:
        return Shards(partial(_table, output, split, lists), size=config.shard_pairs)

    with PerSplit(shards) as splits:
        for pair, row in rows(pairs, lists=lists):
            name = f"{pair.image_sha256}.{SUFFIX_OF_FORMAT[pair.format]}"
            image = {"bytes": read_image(pair), "path": name}
            splits[pair.split].next().add({"image": image, **row})


@contextmanager
def _table(output: Output, split: str, lists: bool, number: int) -> Iterator[Table]:
    with (
        output.open(f"data/{split}-{number:05d}.parquet") as file,
        parquet.ParquetWriter(file, schema(lists=lists), compression="zstd") as writer,
    ):
        table = Table(writer)
        yield table
        table.flush()


def schema(*, lists: bool) -> pa.Schema:
    """Return the columns, and in the metadata the features as `datasets` writes them in its own
    files.
    """
    image, text = _kinds(OF_IMAGE), _kinds(OF_TEXT)
    fields = [("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())]))]
    features: dict[str, Any] = {"image": {"_type": "Image"}}
    if lists:
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
    reading='datasets.load_dataset("parquet", data_dir="FOLDER/data")',
    data_files="data/{split}-*.parquet",
    lists=True,
)
