"""Directories of tags, in TIFF files and in EXIF data, whose values take more bytes than there are.

A directory says of each value how long it is and where it lies. Values may lie over each other, and
Pillow copies each of them: a file of some megabytes with a thousand tags that all name the whole of
it would take gigabytes, as soon as it is opened.
"""

import re
import struct
from collections.abc import Iterator

JPEG_START, EXIF_START, MULTI_START = b"\xff\xd8", b"Exif\0\0", b"MPF\0"
TIFF_START = re.compile(rb"II[*+]\0|MM\0[*+]")
SCAN, APP1, APP2 = 0xDA, 0xE1, 0xE2
"""Second bytes of JPEG markers: pixels, EXIF, several images in one file."""
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}
"""Bytes of a value by its type, as Pillow has them."""
SMALL = 65_536
"""Bytes that values may take in any case."""


def is_directory_bomb(data: bytes) -> bool:
    """Return whether the bytes of an image file hold such a directory where Pillow or a plugin
    reads it while opening: in TIFF, JPEG, AVIF and HEIC files.
    """
    if TIFF_START.match(data):
        return claims_too_much(data)
    if data.startswith(JPEG_START):
        return any(map(claims_too_much, _jpeg_directories(data)))
    if data[4:8] == b"ftyp":  # where in it the EXIF data lies is not worth a parser
        starts = (found.start() for found in TIFF_START.finditer(data))
        return any(claims_too_much(data[start:]) for start in starts)
    return False


def claims_too_much(data: bytes) -> bool:
    """Return whether the values of the first directory of TIFF or EXIF data are larger in all than
    the data itself. Damaged data claims nothing.
    """
    data = data.removeprefix(EXIF_START)
    order = "<" if data[:2] == b"II" else ">"
    is_big = data[2:4] in (b"+\0", b"\0+")
    at, entry = (8, struct.Struct(f"{order}HHQQ")) if is_big else (4, struct.Struct(f"{order}HHII"))
    inline, number = (8, "Q") if is_big else (4, "I")
    most, claimed = max(len(data), SMALL), 0
    try:
        (at,) = struct.unpack_from(order + number, data, at)
        (tags,) = struct.unpack_from(order + ("Q" if is_big else "H"), data, at)
        at += 8 if is_big else 2
        for place in range(at, min(at + tags * entry.size, len(data)), entry.size):
            _, kind, count, start = entry.unpack_from(data, place)
            size = count * SIZES.get(kind, 0)
            if size > inline and start < len(data):
                claimed += min(size, len(data) - start)
            if claimed > most:
                return True
    except struct.error:  # cut off
        pass
    return False


def _jpeg_directories(data: bytes) -> Iterator[bytes]:
    """Yield the EXIF data of a JPEG file, its segments joined, and the lists of further images."""
    exif, at = bytearray(), 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != SCAN:
        if data[at + 1] == 0xFF:  # filling
            at += 1
            continue
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4])
        content = data[at + 4 : end]
        if data[at + 1] == APP1 and content.startswith(EXIF_START):
            exif += content.removeprefix(EXIF_START)
        elif data[at + 1] == APP2 and content.startswith(MULTI_START):
            yield content.removeprefix(MULTI_START)
        at = end
    if exif:
        yield bytes(exif)
