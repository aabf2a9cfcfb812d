"""How large the columns of a Parquet file are, read off its footer.

pyarrow knows it too, but ends the whole process where what else a damaged footer says of a column
contradicts itself. The footer is a structure of Thrift's compact protocol:
https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md, with the fields
of https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import BinaryIO

from blip2core.errors import IntakeError

TAIL = 8
"""Bytes after the footer: how long it is, and the mark of the format."""
ROW_GROUPS, COLUMNS, COLUMN_DATA, PATH, UNPACKED = 4, 1, 3, 3, 6
"""Numbers of the fields row_groups, columns, meta_data, path_in_schema, total_uncompressed_size."""
TRUE, FALSE, BYTE, DOUBLE, BINARY, LIST, SET, MAP, STRUCT, UUID = 1, 2, 3, 7, 8, 9, 10, 11, 12, 13
NUMBERS = (4, 5, 6)
DEEPEST = 32
"""Structures within one another that are followed."""


def column_sizes(file: BinaryIO) -> list[list[tuple[str, int]]]:
    """Return for each row group the columns at the top, with the bytes that each part of them
    unpacks to. IntakeError where the footer is damaged.
    """
    try:
        file.seek(-TAIL, os.SEEK_END)
        tail = file.read(TAIL)
        file.seek(-TAIL - int.from_bytes(tail[:4], "little"), os.SEEK_END)
        footer = _Footer(file.read(int.from_bytes(tail[:4], "little")))
        groups: list[list[tuple[str, int]]] = []
        for field, kind in footer.fields():
            if footer.is_at(field, kind, ROW_GROUPS, LIST):
                groups += footer.row_groups()
        return groups
    except (IndexError, ValueError, OSError) as error:
        raise IntakeError("The Parquet file is damaged; write it again.") from error


class _Footer:
    """Reads value after value. IndexError or ValueError where the bytes are no such structure."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def row_groups(self) -> Iterator[list[tuple[str, int]]]:
        for _ in self._structs():
            group: list[tuple[str, int]] = []
            for field, kind in self.fields():
                if self.is_at(field, kind, COLUMNS, LIST):
                    group += [self._column() for _ in self._structs()]
            yield group

    def fields(self) -> Iterator[tuple[int, int]]:
        """Yield number and kind of each field of a structure, whose value the caller then reads."""
        field = 0
        while head := self._byte():
            field = field + (head >> 4) if head >> 4 else self._number()
            yield field, head & 15

    def is_at(self, field: int, kind: int, wanted: int, of_kind: int) -> bool:
        """Return whether the value that comes now is the wanted one; else it is passed over."""
        if (field, kind) == (wanted, of_kind):
            return True
        self._skip(kind)
        return False

    def _column(self) -> tuple[str, int]:
        path, size = b"", 0
        for field, kind in self.fields():
            if not self.is_at(field, kind, COLUMN_DATA, STRUCT):
                continue
            for inner, of_kind in self.fields():
                if (inner, of_kind) == (PATH, LIST):
                    parts = [self._binary() for _ in range(self._count(BINARY))]
                    path = parts[0] if parts else b""
                elif self.is_at(inner, of_kind, UNPACKED, NUMBERS[-1]):
                    size = self._number()
        return path.decode("utf-8", "surrogateescape"), size

    def _structs(self) -> range:
        return range(self._count(STRUCT))

    def _count(self, wanted: int) -> int:
        count, kind = self._list()
        if count and kind != wanted:
            raise ValueError(kind)
        return count

    def _list(self) -> tuple[int, int]:
        head = self._byte()
        return (self._varint() if head >> 4 == 15 else head >> 4), head & 15

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
            if shift > 63:
                raise ValueError(shift)

    def _number(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def _binary(self) -> bytes:
        size = self._varint()
        self._pass(size)
        return self._data[self._at - size : self._at]

    def _pass(self, count: int) -> None:
        self._at += count
        if self._at > len(self._data):
            raise IndexError(self._at)

    def _skip(self, kind: int, depth: int = 0, *, in_list: bool = False) -> None:
        if depth > DEEPEST:
            raise ValueError(depth)
        if kind in (TRUE, FALSE):  # a field has it in its kind
            self._pass(in_list)
        elif kind == BYTE:
            self._pass(1)
        elif kind in NUMBERS:
            self._varint()
        elif kind == DOUBLE:
            self._pass(8)
        elif kind == BINARY:
            self._binary()
        elif kind in (LIST, SET):
            count, of_kind = self._list()
            for _ in range(count):
                self._skip(of_kind, depth + 1, in_list=True)
        elif kind == MAP:
            count = self._varint()
            kinds = self._byte() if count else 0
            for _ in range(count):
                self._skip(kinds >> 4, depth + 1, in_list=True)
                self._skip(kinds & 15, depth + 1, in_list=True)
        elif kind == STRUCT:
            for _, of_kind in self.fields():
                self._skip(of_kind, depth + 1)
        elif kind == UUID:
            self._pass(16)
        else:
            raise ValueError(kind)
