"""UTF-16 without a mark of its encoding: which order its bytes have, decided by the whole file."""

import codecs
import re
from typing import BinaryIO

BLOCK = 1 << 20
"""Bytes that are read at once; an even number, so that every block begins with a character."""
CONTROLS = bytes(range(32))
STRANGE = CONTROLS.translate(None, b"\t\n\v\f\r\x1a\x1b")
"""Controls that no text in 8 bits has."""
ABOVE_ASCII = bytes(range(128, 256))
LEAST_SHARE = 0.7
"""Share of characters whose high byte is a control: those up to U+1FFF."""
LEAST_BYTES = 4
EASTERN = re.compile(
    "[\t\n\r -~\u00a0-\u04ff\u2010-\u2027\u2030-\u203b\u20a9-\u20ac\u2103-\u22ff\u2460-\u27bf"
    "\u3000-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uff01-\uffee\U0001f000-\U0003ffff]*"
)
"""What Chinese, Japanese and Korean texts consist of."""
USUAL = re.compile("[\t\n\r -~\u3000-\u30ff]")
"""Characters of which they have some: kana, their punctuation, or ASCII."""


def alphabetic_order(file: BinaryIO) -> str | None:
    """Return the UTF-16 that a text is in whose characters mostly lie below U+2000 (Latin, Greek,
    Cyrillic, Arabic, Hindi, Thai ...), so that one byte of each is a control; else None.
    """
    file.seek(0)
    controls, values, size = [0, 0], (set[int](), set[int]()), 0
    while block := file.read(BLOCK):
        if not size and len(block.translate(None, STRANGE)) == len(block):
            return None
        size += len(block)
        for place in (0, 1):
            part = block[place::2]
            controls[place] += len(part) - len(part.translate(None, CONTROLS))
            values[place].update(part)
    if size < LEAST_BYTES:
        return None
    # Where both bytes are controls, as in capital Cyrillic, high ones are of fewer kinds.
    first, second = (
        (controls[place] >= LEAST_SHARE * (size // 2), -len(values[place])) for place in (0, 1)
    )
    if first == second or not max(first, second)[0]:
        return None
    return "utf-16-be" if first > second else "utf-16-le"


def eastern_order(file: BinaryIO) -> str | None:
    """Return the UTF-16 that a Chinese, Japanese or Korean text is in, which is not UTF-8; None
    where it may be something else.
    """
    found = [name for name in ("utf-16-le", "utf-16-be") if _is_eastern(file, name)]
    return found[0] if len(found) == 1 else None


def _is_eastern(file: BinaryIO, encoding: str) -> bool:
    file.seek(0)
    decoder = codecs.getincrementaldecoder(encoding)()
    usual, size, ascii = 0, 0, 0
    try:
        while block := file.read(BLOCK):
            size += len(block)
            text = decoder.decode(block)
            if not EASTERN.fullmatch(text):
                return False
            usual += len(USUAL.findall(text))
            ascii += len(block.translate(None, ABOVE_ASCII))
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    # A few letters of a western text may be Chinese, too, but most of them are ASCII.
    return size >= LEAST_BYTES and (usual > 1 or (usual == 1 and ascii <= 3 * size // 4))
