"""Strip image files of everything but their pixels: metadata, comments, appended files.

They are rebuilt from the parts that pixels need, without touching these; a file that has no others
is returned as it is. All offsets are checked: ValueError or IndexError where they do not fit.
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
WEBP_MOVING = frozenset({b"ANIM", b"ANMF"})
WEBP_METADATA_FLAGS = 0x08 | 0x04
"""Of the VP8X chunk of WebP: EXIF and XMP."""
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


def plain_webp(data: bytes) -> bytes:
    """Return a WebP file with the pixels, transparency and colour profile of its one image, and
    nothing after its end; ValueError where it moves.
    """
    end, at = 8 + int.from_bytes(data[4:8], "little"), 12
    chunks: dict[int, bytes] = {}
    while at < end:
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        chunk = data[at : at + 8 + size]
        if len(chunk) < 8 + size or chunk[:4] in WEBP_MOVING:
            raise ValueError("a chunk is cut off, or one of several frames")
        chunks[at] = chunk + bytes(size % 2)
        at += len(chunks[at])
    kept = [chunk for chunk in chunks.values() if chunk[:4] in WEBP_KEPT]
    if len(kept) == len(chunks) and at == end == len(data):
        return data
    content = b"".join(_plain_webp_head(kept))
    return b"RIFF" + (4 + len(content)).to_bytes(4, "little") + b"WEBP" + content


def plain_gif(data: bytes) -> bytes:
    """Return a GIF file with the first of its images, and nothing after its end."""
    at = 13 + _palette(data[10])
    head, control, image = data[:at], b"", b""
    while data[at] != GIF_END:
        if data[at] == GIF_IMAGE:
            following = _after_blocks(data, at + 11 + _palette(data[at + 9]))
            image = image or control + data[at:following]
        elif data[at] == GIF_EXTENSION:
            following = _after_blocks(data, at + 2)
            control = data[at:following] if data[at + 1] == GIF_CONTROL else control
        else:
            raise ValueError("no block where one must be")
        at = following
    return head + image + bytes([GIF_END])


def plain_bmp(data: bytes) -> bytes:
    """Return a BMP file that ends where it says; ValueError where its pixels are not right behind
    its header.
    """
    size, pixels = int.from_bytes(data[2:6], "little"), int.from_bytes(data[10:14], "little")
    if size > len(data) or pixels > BMP_HEADERS:
        raise ValueError("the end is missing, or something stands before the pixels")
    return data[:size]


def _plain_webp_head(chunks: list[bytes]) -> list[bytes]:
    """Return the chunks of a WebP file without what the first says of metadata; the first itself
    is left out where it would say nothing of the others.
    """
    if not chunks or chunks[0][:4] != b"VP8X" or len(chunks[0]) < 18:
        return chunks
    head, *others = chunks
    if not {chunk[:4] for chunk in others} & {b"ALPH", b"ICCP"}:
        return others
    return [head[:8] + bytes([head[8] & ~WEBP_METADATA_FLAGS]) + head[9:], *others]


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
