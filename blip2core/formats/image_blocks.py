"""The blocks of an image file that stand beside its pixels, found without decoding these.

Offsets are hostile: what does not fit ends the walk, and what was found before stays found.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

JPEG_START = b"\xff\xd8\xff"
PNG_START = b"\x89PNG\r\n\x1a\n"
APP1, APP13, COMMENT, SCAN = 0xE1, 0xED, 0xFE, 0xDA
EXIF_START = b"Exif\0\0"
XMP_START = b"http://ns.adobe.com/xap/1.0/\0"
PHOTOSHOP_START = b"Photoshop 3.0\0"
PNG_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
PNG_XMP = "XML:com.adobe.xmp"
MOST_TEXT = 1 << 20
"""Bytes of one unpacked PNG text, and of one comment."""
MOST_TEXTS = 100
"""PNG texts and comments of one image that are looked at."""
MOST_UNPACKED = 8 << 20
"""Bytes that all PNG texts of one image may unpack to."""
MOST_BLOCKS = 50_000
"""Segments or chunks of one file that are looked at."""
FILLERS = re.compile(rb"\xff*")


@dataclass(slots=True)
class Blocks:
    """The blocks of one image file that may hold texts, as bytes."""

    exif: bytes = b""
    """TIFF data: from its byte order mark on."""
    xmp: bytes = b""
    photoshop: bytes = b""
    """Image resources, the first of which begins with 8BIM."""
    comments: list[bytes] = field(default_factory=list)
    png_texts: list[tuple[str, str]] = field(default_factory=list)
    """Keyword and text."""
    unread: list[str] = field(default_factory=list)
    """Names of blocks that cannot be read."""


def is_webp(data: bytes) -> bool:
    """Return whether these are the first bytes of a WebP file."""
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield marker, first byte and end of the segments before the pixels of a JPEG file.

    The first byte is that of the marker; four bytes later the content begins.
    """
    at = 2
    for _ in range(MOST_BLOCKS):
        fillers = FILLERS.match(data, at)
        at = fillers.end() - 1 if fillers else at
        if at < 2 or at + 4 > len(data) or data[at] != 0xFF:
            return
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4])
        if data[at + 1] == SCAN or end < at + 4 or end > len(data):
            return
        yield data[at + 1], at, end
        at = end


def png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, first byte and end of the chunks of a PNG file.

    Eight bytes after the first the content begins, four before the end it ends.
    """
    at = len(PNG_START)
    for _ in range(MOST_BLOCKS):
        end = at + 12 + int.from_bytes(data[at : at + 4])
        if at + 12 > len(data) or end > len(data):
            return
        yield data[at + 4 : at + 8], at, end
        at = end


def webp_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, first byte and end of the chunks of a WebP file, with what fills the end up.

    Eight bytes after the first the content begins.
    """
    at = 12
    for _ in range(MOST_BLOCKS):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if at + 8 > len(data) or at + 8 + size > len(data):
            return
        end = at + 8 + size + size % 2
        yield data[at : at + 4], at, min(end, len(data))
        at = end


def jpeg_blocks(data: bytes) -> Blocks:
    """Return the blocks of a JPEG file; those that go over several segments are joined."""
    found, exif, photoshop = Blocks(), [], []
    for marker, start, end in jpeg_segments(data):
        content = data[start + 4 : end] if marker in (APP1, APP13, COMMENT) else b""
        if marker == APP1 and content.startswith(EXIF_START):
            exif.append(content[len(EXIF_START) :])
        elif marker == APP1 and content.startswith(XMP_START):
            found.xmp = found.xmp or content[len(XMP_START) :]
        elif marker == APP13 and content.startswith(PHOTOSHOP_START):
            photoshop.append(content[len(PHOTOSHOP_START) :])
        elif marker == COMMENT:
            _add_comment(found, content, "JPEG comment")
    found.exif, found.photoshop = b"".join(exif), b"".join(photoshop)
    return found


def png_blocks(data: bytes) -> Blocks:
    """Return the blocks of a PNG file; no text is unpacked beyond `MOST_TEXT` bytes, and all of
    them together to `MOST_UNPACKED` at most.
    """
    found, reader = Blocks(), _PngTexts()
    for kind, start, end in png_chunks(data):
        if kind == b"eXIf":
            found.exif = data[start + 8 : end - 4].removeprefix(EXIF_START)
        elif kind in PNG_TEXTS:
            body = data[start + 8 : end - 4]
            keyword, text = png_keyword(body), reader.read(kind, body)
            if text is None and f"PNG {keyword}" not in found.unread[:MOST_TEXTS]:
                found.unread.append(f"PNG {keyword}")
            elif text is not None and keyword == PNG_XMP:
                found.xmp = text.encode()
            elif text is not None:
                found.png_texts.append((keyword, text))
    return found


class _PngTexts:
    """Unpacks texts while there is room for them."""

    def __init__(self) -> None:
        self._count, self._room = 0, MOST_UNPACKED

    def read(self, kind: bytes, body: bytes) -> str | None:
        """Return the text of a chunk; None where it is damaged or beyond a limit."""
        self._count += 1
        if self._count > MOST_TEXTS or not self._room:
            return None
        try:
            text = _png_text(kind, body, min(self._room, MOST_TEXT))
        except (ValueError, zlib.error):
            self._room = max(0, self._room - MOST_TEXT)
            return None
        self._room -= min(self._room, len(text))
        return text


def webp_blocks(data: bytes) -> Blocks:
    """Return the blocks of a WebP file."""
    found = Blocks()
    for kind, start, _ in webp_chunks(data):
        if kind in (b"EXIF", b"XMP "):
            content = data[
                start + 8 : start + 8 + int.from_bytes(data[start + 4 : start + 8], "little")
            ]
            if kind == b"EXIF":
                found.exif = content.removeprefix(EXIF_START)
            else:
                found.xmp = content
    return found


def _add_comment(found: Blocks, content: bytes, name: str) -> None:
    if len(found.comments) < MOST_TEXTS and len(content) <= MOST_TEXT:
        found.comments.append(content)
    elif name not in found.unread:
        found.unread.append(name)


def png_keyword(body: bytes) -> str:
    """Return the keyword of a tEXt, zTXt or iTXt chunk."""
    return body[:80].partition(b"\0")[0].decode("latin-1")


def _png_text(kind: bytes, body: bytes, room: int) -> str:
    """Return the text of a tEXt, zTXt or iTXt chunk.

    Many programs write UTF-8 where the specification says Latin-1, so that is tried first. Raises
    ValueError and zlib.error where it is damaged or unpacks to more than `room` bytes.
    """
    rest = body.partition(b"\0")[2]
    packed = kind == b"zTXt"
    if packed:
        rest = rest[1:]  # the method, of which there is one
    elif kind == b"iTXt":
        packed = rest[:1] == b"\1"
        rest = rest[2:].partition(b"\0")[2].partition(b"\0")[2]  # language, translated keyword
    if packed:
        unpacking = zlib.decompressobj()
        rest = unpacking.decompress(rest, room + 1)
        if len(rest) <= room and not unpacking.eof:
            raise ValueError("the text is cut off")
    if len(rest) > room:
        raise ValueError("the text is too long")
    try:
        return rest.decode()
    except UnicodeDecodeError:
        return rest.decode("latin-1")
