"""The messages of an Arrow IPC stream: how much memory each will take, before Arrow reads it.

A message is its length, a description (a flatbuffer), and a body. See "Arrow Columnar Format",
section "Serialization and Interprocess Communication (IPC)", and Message.fbs there.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

MAX_DESCRIPTION = 50_000_000
"""Bytes of a message's description; that of the schema grows with the columns."""
CONTINUES = b"\xff\xff\xff\xff"
"""Before the length of a message, since Arrow 0.15."""
DICTIONARY, RECORD_BATCH = 2, 3
"""Kinds of messages that have a body."""
KIND, HEADER, BODY_LENGTH = 1, 2, 3
"""Fields of a message."""
BUFFERS, COMPRESSION = 2, 3
"""Fields of a record batch."""
DATA = 1
"""The field of a dictionary that is its record batch."""


class Message(NamedTuple):
    """What is to be known of a message before it is read."""

    kind: int
    """`DICTIONARY`, `RECORD_BATCH` or another."""
    bytes: int
    """What its body says that it unpacks to."""


def message_sizes(file: BinaryIO) -> Iterator[Message]:
    """Yield the messages in order.

    Reads from where the file stands to the end of the stream, but no bodies. Raises struct.error
    where a message is damaged or cut off.
    """
    start = file.tell()
    end = file.seek(0, 2)
    file.seek(start)
    while description := _description(file):
        message = _number("<I", description, 0)
        length = _value("<q", description, message, BODY_LENGTH)
        start = file.tell()
        if not 0 <= length <= end - start:
            raise struct.error("the body is cut off")
        kind = _value("<B", description, message, KIND)
        yield Message(kind, _unpacked(file, description, message, kind, length))
        file.seek(start + length)


def _description(file: BinaryIO) -> bytes:
    """Return the description of the next message; nothing at the end of the stream."""
    head = file.read(4)
    head = file.read(4) if head == CONTINUES else head
    if not head:
        return b""
    length = _number("<i", head, 0)
    if not 0 <= length <= MAX_DESCRIPTION:
        raise struct.error("a message has no length")
    found = file.read(length)
    if len(found) < length:
        raise struct.error("a message is cut off")
    return found


def _unpacked(file: BinaryIO, description: bytes, message: int, kind: int, length: int) -> int:
    """Return what a body of `length` bytes, at which the file stands, unpacks to."""
    if kind not in (DICTIONARY, RECORD_BATCH):
        return length
    batch = _table(description, message, HEADER)
    if kind == DICTIONARY:
        batch = _table(description, batch, DATA)
    if not _field(description, batch, COMPRESSION):
        return length
    start, total = file.tell(), 0
    buffers = _table(description, batch, BUFFERS)
    for index in range(_number("<I", description, buffers)):
        offset, packed = struct.unpack_from("<qq", description, buffers + 4 + 16 * index)
        if packed:
            file.seek(start + max(offset, 0))
            size = _number("<q", file.read(8), 0)  # before the compressed bytes; -1: they are not
            total += packed if size < 0 else size
    return total


def _field(data: bytes, table: int, index: int) -> int:
    """Return where a field of a flatbuffer's table is; 0 for one that it does not have."""
    fields = table - _number("<i", data, table)
    at = 4 + 2 * index
    offset = _number("<H", data, fields + at) if at < _number("<H", data, fields) else 0
    return table + offset if offset else 0


def _value(form: str, data: bytes, table: int, index: int) -> int:
    at = _field(data, table, index)
    return _number(form, data, at) if at else 0


def _table(data: bytes, table: int, index: int) -> int:
    """Return where a table or vector that a field points to begins."""
    at = _field(data, table, index)
    return at + _number("<I", data, at)


def _number(form: str, data: bytes, at: int) -> int:
    if at < 0:
        raise struct.error("an offset leads out of the message")
    return int(struct.unpack_from(form, data, at)[0])
