"""The beginning of a JSON document that is too large to be read for a look at it."""

from __future__ import annotations

import json
import re
from typing import Any

from blip2core.errors import IntakeError
from blip2core.formats.files import NamedFile

TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[{}\[\],"]', re.DOTALL)
"""A whole string; a sign that opens, closes or divides; or a mark of a string that is cut off."""
CLOSING = {b"{": b"}", b"[": b"]"}
BLOCK = 1 << 20
DEEPEST = 100
"""Lists and objects within one another."""


def start_at(file: NamedFile, words: bytes, count: int) -> bytes:
    """Return `count` bytes of a file from the first place of `words` on; none where it has none."""
    with file.open() as opened:
        place, end = 0, b""
        while block := opened.read(BLOCK):
            found = (end + block).find(words)
            if found >= 0:
                opened.seek(place - len(end) + found)
                return opened.read(count)
            place += len(block)
            end = block[-len(words) :]
    return b""


def beginning_of(data: bytes) -> Any:
    """Return what stands whole in the first bytes of a JSON document; its lists and objects end
    where the bytes do. Raises IntakeError where it is none.
    """
    opened: list[bytes] = []
    end, closing = 0, b""
    for token in TOKEN.finditer(data):
        sign = token[0]
        if sign == b'"':
            break
        if sign in CLOSING:
            opened.append(CLOSING[sign])
            if len(opened) > DEEPEST:
                break
        elif opened and sign == opened[-1]:
            opened.pop()
            end, closing = token.end(), b"".join(reversed(opened))
        elif sign == b"," and opened:
            end, closing = token.start(), b"".join(reversed(opened))
    try:
        return json.loads((data[:end] + closing).decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise IntakeError("This is not JSON, or not UTF-8.") from error
