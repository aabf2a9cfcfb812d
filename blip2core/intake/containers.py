"""Strip image files of everything but their pixels: metadata, comments, appended files.

JPEG and PNG are rebuilt from the parts that pixels need, without touching these; of other formats
it is told whether they are clean. All offsets are checked: ValueError where they do not fit.
"""

import re

JPEG_END = b"\xff\xd9"
JPEG_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""The next marker after the coded pixels, in which 0xFF is followed by 0 or a restart marker."""
PNG_START = b"\x89PNG\r\n\x1a\n"
PNG_KEPT = frozenset(
    {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT"}
)
WEBP_KEPT = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ICCP"})
GIF_IMAGE, GIF_EXTENSION, GIF_END, GIF_CONTROL = 0x2C, 0x21, 0x3B, 0xF9
BMP_HEADERS = 14 + 124 + 1024
"""Bytes before the pixels of a BMP: file header, largest image header, palette."""


def plain_jpeg(data: bytes) -> bytes:
    """Return a JPEG file without EXIF, comments and bytes after its end; what it needs to be seen
    (tables, colour profile, coded pixels) is copied as it is.
    """
    kept, at = bytearray(data[:2]), 2
    while True:
        while data[at : at + 2] == b"\xff\xff":
            at += 1
        if data[at : at + 1] != b"\xff":
            raise ValueError("no marker where one must be")
        if data[at : at + 2] == JPEG_END:
            return bytes(kept + JPEG_END)
        length = int.from_bytes(data[at + 2 : at + 4])
        segment = data[at : at + 2 + length]
        if length < 2 or len(segment) < 2 + length:
            raise ValueError("a segment is cut off")
        at += len(segment)
        if _is_needed(segment):
            kept += segment
        if segment[1] == 0xDA:  # coded pixels follow
            following = JPEG_MARKER.search(data, at)
            if following is None:
                raise ValueError("the end is missing")
            kept += data[at : following.start()]
            at = following.start()


def plain_png(data: bytes) -> bytes:
    """Return a PNG file with header, palette, colour space and pixels of its first frame, and
    nothing after its end.
    """
    kept, at, kind = bytearray(PNG_START), len(PNG_START), b""
    while kind != b"IEND":
        kind, size = data[at + 4 : at + 8], int.from_bytes(data[at : at + 4])
        chunk = data[at : at + 12 + size]
        if len(chunk) < 12 + size:
            raise ValueError("a chunk is cut off")
        if kind in PNG_KEPT:
            kept += chunk
        at += len(chunk)
    return bytes(kept)


def is_plain_webp(data: bytes) -> bool:
    """Return whether a WebP file holds one still image, and nothing else."""
    if len(data) != 8 + int.from_bytes(data[4:8], "little"):
        return False
    at = 12
    while at < len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] not in WEBP_KEPT:
            return False
        at += 8 + size + size % 2
    return at == len(data)


def is_plain_gif(data: bytes) -> bool:
    """Return whether a GIF file holds one still image, and nothing else."""
    at, images = 13 + _palette(data[10]), 0
    while data[at] != GIF_END:
        if data[at] == GIF_IMAGE:
            images += 1
            at = _after_blocks(data, at + 11 + _palette(data[at + 9]))
        elif data[at] == GIF_EXTENSION and data[at + 1] == GIF_CONTROL:
            at = _after_blocks(data, at + 2)
        else:
            return False
    return images == 1 and at + 1 == len(data)


def is_plain_bmp(data: bytes) -> bool:
    """Return whether a BMP file has its pixels right behind its header and ends where it says."""
    size, pixels = int.from_bytes(data[2:6], "little"), int.from_bytes(data[10:14], "little")
    return size == len(data) and pixels <= BMP_HEADERS


def _is_needed(segment: bytes) -> bool:
    """Return whether the pixels look different without this segment of a JPEG."""
    marker, body = segment[1], segment[4:]
    if marker == 0xE0:
        return body.startswith(b"JFIF\0") and len(body) == 14  # longer ones hold a thumbnail
    if marker == 0xE2:
        return body.startswith(b"ICC_PROFILE\0")
    if marker == 0xEE:
        return body.startswith(b"Adobe") and len(body) == 12
    return not 0xE0 <= marker <= 0xEF and marker != 0xFE


def _palette(flags: int) -> int:
    """Return the number of bytes of the colour table that the flags of a GIF announce."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _after_blocks(data: bytes, at: int) -> int:
    while data[at]:
        at += 1 + data[at]
    return at + 1
