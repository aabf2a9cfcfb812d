"""Compressed texts in PNG files that unpack to more than Pillow reads: they are not the image."""

import zlib

from PIL import PngImagePlugin

PNG_START = b"\x89PNG\r\n\x1a\n"
LONGEST = PngImagePlugin.MAX_TEXT_CHUNK
"""Bytes of one unpacked text, above which Pillow refuses the whole image: 1 MiB."""
MOST = PngImagePlugin.MAX_TEXT_MEMORY
"""Bytes that all texts may unpack to, 64 MiB, as in Pillow; those that are left out count too."""


def without_large_texts(data: bytes) -> bytes:
    """Return a PNG file without the texts that unpack to more than `LONGEST` bytes; all other files
    as they are.

    No text is unpacked beyond that length. Raises ValueError where all of them together unpack to
    more than `MOST` bytes, which only a decompression bomb does.
    """
    if not data.startswith(PNG_START) or not (b"zTXt" in data or b"iTXt" in data):
        return data
    kept, start, at, unpacked = bytearray(), 0, len(PNG_START), 0
    while at + 12 <= len(data):
        kind, end = data[at + 4 : at + 8], at + 12 + int.from_bytes(data[at : at + 4])
        if kind in (b"zTXt", b"iTXt"):
            length = _unpacked_length(kind, data[at + 8 : end - 4])
            unpacked += length
            if unpacked > MOST:
                raise ValueError(f"its texts unpack to more than {MOST >> 20} MB")
            if length > LONGEST:
                kept += data[start:at]
                start = end
        at = end
    return bytes(kept + data[start:]) if kept else data


def _unpacked_length(kind: bytes, body: bytes) -> int:
    """Return the length of a compressed text, at most `LONGEST` + 1; 0 for one that is not."""
    rest = body.partition(b"\0")[2]  # what follows the keyword
    if kind == b"iTXt":
        if rest[:1] != b"\1":
            return 0
        rest = rest[1:2] + rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    try:
        return len(zlib.decompressobj().decompress(rest[1:], LONGEST + 1))
    except zlib.error:  # which Pillow takes for an empty text
        return 0
