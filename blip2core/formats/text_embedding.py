"""Write texts into JPEG, PNG and WebP files without touching a pixel; `image_metadata` reads them.

The first text becomes EXIF ImageDescription and XMP dc:description, in PNG an iTXt Description;
all of them stand in XMP, see `xmp_texts`. Saving with Pillow would code the pixels of a JPEG anew,
and the libraries that would not are Exiv2's bindings, whose licence (GPL) is not that of this
project, and piexif, which knows no XMP and is no longer kept.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence

from PIL import Image

from blip2core.formats.exif_texts import DESCRIPTION
from blip2core.formats.image_blocks import (
    APP1,
    EXIF_START,
    JPEG_START,
    PNG_START,
    PNG_TEXTS,
    PNG_XMP,
    XMP_START,
    is_webp,
    jpeg_blocks,
    jpeg_segments,
    png_blocks,
    png_chunks,
    png_keyword,
    webp_blocks,
    webp_chunks,
)
from blip2core.formats.xmp_texts import NOT_XML, xmp_packet

HOLDING = frozenset({"JPEG", "PNG", "WEBP"})
"""Formats that texts are written into."""
MOST_SEGMENT = 65_533
"""Bytes of a segment of JPEG, which bounds EXIF data and XMP packet."""
MOST_WRITTEN = 60_000
"""Bytes of all texts of an image as XMP, the first counted twice: the rest of it fits in, too."""
REPLACED = ("Description", PNG_XMP)
"""Keywords of PNG texts that are written."""
EXIF_FLAG, XMP_FLAG, ALPHA_FLAG = 0x08, 0x04, 0x10
"""Of the VP8X chunk of WebP."""


def holdable(texts: Iterable[str]) -> tuple[str, ...]:
    """Return those of the texts that can be written into one image, in order: as many as fit, and
    none with a character that XML cannot hold (U+FFFE, U+FFFF).
    """
    kept: list[str] = []
    room = MOST_WRITTEN
    for text in texts:
        if NOT_XML.search(text) or "\r" in text:
            continue
        size = len(text.encode()) + 4 * (text.count("&") + text.count("<") + text.count(">")) + 20
        size = size if kept else 2 * size
        if size <= room:
            kept.append(text)
            room -= size
    return tuple(kept)


def with_texts(data: bytes, texts: Sequence[str]) -> bytes:
    """Return an image file with these texts in it, at least one, and all else that was in it.

    `texts` are some that `holdable` returned, cleaned by `clean_text`. Texts that stood in the
    same fields are replaced. Raises ValueError where the file is no JPEG, PNG or WebP file, or is
    damaged.
    """
    if data.startswith(JPEG_START):
        return _jpeg(data, texts)
    if data.startswith(PNG_START):
        return _png(data, texts)
    if is_webp(data):
        return _webp(data, texts)
    raise ValueError("it is no JPEG, PNG or WebP file")


def exif_with(existing: bytes, text: str) -> bytes:
    """Return EXIF data with this ImageDescription in UTF-8, from the byte order mark on, and what
    else was in an existing one. Raises ValueError where that is damaged.
    """
    exif = Image.Exif()
    try:
        if existing:
            exif.load(EXIF_START + existing)
        exif[DESCRIPTION] = text.encode()
        return exif.tobytes().removeprefix(EXIF_START)
    except Exception as error:  # Pillow given hostile bytes may raise anything
        raise ValueError("its EXIF data is damaged") from error


def _jpeg(data: bytes, texts: Sequence[str]) -> bytes:
    blocks = jpeg_blocks(data)
    parts, at, first = [data[:2]], 2, True
    new = _segment(EXIF_START + exif_with(blocks.exif, texts[0]))
    new += _segment(XMP_START + xmp_packet(texts, blocks.xmp))
    for marker, start, end in jpeg_segments(data):
        if first and marker != 0xE0:  # JFIF's own segment stays the first
            parts.append(new)
            first = False
        content = data[start + 4 : end]
        if marker != APP1 or not content.startswith((EXIF_START, XMP_START)):
            parts.append(data[start:end])
        at = end
    parts += [new] if first else []
    return b"".join((*parts, data[at:]))


def _segment(content: bytes) -> bytes:
    if len(content) > MOST_SEGMENT:
        raise ValueError("its metadata would be too long")
    return bytes((0xFF, APP1)) + (len(content) + 2).to_bytes(2) + content


def _png(data: bytes, texts: Sequence[str]) -> bytes:
    packet = xmp_packet(texts, png_blocks(data).xmp)
    parts, at, first = [PNG_START], len(PNG_START), True
    for kind, start, end in png_chunks(data):
        if first and kind in (b"IDAT", b"IEND"):
            parts.append(_chunk("Description", texts[0].encode()) + _chunk(PNG_XMP, packet))
            first = False
        if kind not in PNG_TEXTS or png_keyword(data[start + 8 : end]) not in REPLACED:
            parts.append(data[start:end])
        at = end
    if first:
        raise ValueError("it is a damaged PNG file")
    return b"".join((*parts, data[at:]))


def _chunk(keyword: str, text: bytes) -> bytes:
    """Return an iTXt chunk: UTF-8, not compressed, no language."""
    body = b"iTXt" + keyword.encode() + b"\0" + bytes(4) + text
    return (len(body) - 4).to_bytes(4) + body + zlib.crc32(body).to_bytes(4)


def _webp(data: bytes, texts: Sequence[str]) -> bytes:
    blocks = webp_blocks(data)
    chunks = [
        (kind, data[start:end] + bytes((end - start) % 2))  # some end without what fills it up
        for kind, start, end in webp_chunks(data)
        if kind not in (b"EXIF", b"XMP ")
    ]
    if not chunks:
        raise ValueError("it is a damaged WebP file")
    kind, head = chunks[0]
    if kind != b"VP8X":
        head = _riff(b"VP8X", _extended(kind, head))
        chunks.insert(0, (b"VP8X", head))
    if len(head) < 18:
        raise ValueError("it is a damaged WebP file")
    flags = head[8] | EXIF_FLAG | XMP_FLAG
    parts = [head[:8] + bytes([flags]) + head[9:], *(chunk for _, chunk in chunks[1:])]
    parts.append(_riff(b"EXIF", exif_with(blocks.exif, texts[0])))
    parts.append(_riff(b"XMP ", xmp_packet(texts, blocks.xmp)))
    return _riff(b"RIFF", b"WEBP" + b"".join(parts))


def _riff(kind: bytes, content: bytes) -> bytes:
    return kind + len(content).to_bytes(4, "little") + content + bytes(len(content) % 2)


def _extended(kind: bytes, chunk: bytes) -> bytes:
    """Return the content of a VP8X chunk for an image that has none: flags, width, height.

    See the specifications of WebP's container, VP8 (section 9.1) and WebP lossless (section 3).
    """
    body = chunk[8:]
    if kind == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
        width = int.from_bytes(body[6:8], "little") & 0x3FFF
        height = int.from_bytes(body[8:10], "little") & 0x3FFF
        flags = 0
    elif kind == b"VP8L" and body[:1] == b"\x2f":
        bits = int.from_bytes(body[1:5], "little")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        flags = ALPHA_FLAG if bits >> 28 & 1 else 0
    else:
        raise ValueError("it is a damaged WebP file")
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return bytes((flags, 0, 0, 0)) + sides
