"""Texts inside image files: EXIF, IPTC, XMP, PNG texts and comments, without decoding pixels.

`text_embedding` writes them. Everything here may be hostile: a block that cannot be read is named,
and the others are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from blip2core.formats.exif_texts import (
    IPTC_TAG,
    PHOTOSHOP_TAG,
    XMP_TAG,
    ExifTags,
    decoded,
    exif_texts,
    is_readable,
)
from blip2core.formats.image_blocks import (
    JPEG_START,
    MOST_TEXT,
    PNG_START,
    Blocks,
    is_webp,
    jpeg_blocks,
    png_blocks,
    webp_blocks,
)
from blip2core.formats.iptc_texts import iptc_captions, iptc_resource
from blip2core.formats.program_texts import is_by_itself, prompt_of
from blip2core.formats.xmp_texts import XmpTexts
from blip2core.gif_comments import GIF_STARTS, without_long_comments
from blip2core.image_files import media_format, open_file
from blip2core.records import TextOrigin
from blip2core.texts import clean_text

TIFF_STARTS = (b"II*\0", b"MM\0*")
PNG_NAMES = frozenset({"description", "caption", "title", "comment", "parameters", "prompt"})
"""Keywords of PNG texts that are about the image, in small letters."""
PNG_TECHNICAL = ("date:", "creation time", "exif:", "png:", "jpeg:", "tiff:", "raw profile type")
"""Beginnings of keywords of which everybody knows that they are no texts of the image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageMetadata:
    """What stands beside the pixels of an image file."""

    texts: tuple[tuple[str, TextOrigin], ...] = ()
    """Each text as it stood there, and in which field; the same may stand in several."""
    not_used: tuple[tuple[str, str], ...] = ()
    """Field and words of what a camera or program wrote by itself, and of PNG texts that are about
    something else."""
    unread: tuple[str, ...] = ()
    """Blocks and fields that cannot be read."""


NOTHING = ImageMetadata()


def image_metadata(data: bytes) -> ImageMetadata:
    """Return the texts in the bytes of an image file, and what else was seen there.

    Of a file that is no image, and of formats without such blocks, that is nothing. Never raises.
    """
    found = _Found()
    blocks = found.blocks_of(data)
    if blocks is None or blocks == Blocks():
        return NOTHING
    found.read(blocks, "GIF comment" if data[:6] in GIF_STARTS else "JPEG comment")
    return ImageMetadata(
        texts=tuple(found.texts), not_used=tuple(found.not_used), unread=tuple(found.unread)
    )


@dataclass(slots=True)
class _Found:
    """What was found so far."""

    texts: list[tuple[str, TextOrigin]] = field(default_factory=list)
    not_used: list[tuple[str, str]] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    own: set[str] = field(default_factory=set)
    """Texts that this program wrote: none of these is told by a camera."""

    @contextmanager
    def block(self, name: str) -> Iterator[None]:
        """Read a block; where that fails, it is one that cannot be read."""
        try:
            yield
        except Exception:  # hostile bytes; what was wrong helps nobody, which block it was does
            self.unread.append(name)

    def blocks_of(self, data: bytes) -> Blocks | None:
        """Return the blocks of a file; None of one that has none."""
        if data.startswith(JPEG_START):
            return jpeg_blocks(data)
        if data.startswith(PNG_START):
            return png_blocks(data)
        if is_webp(data):
            return webp_blocks(data)
        if data.startswith(TIFF_STARTS):
            return Blocks(exif=data)
        if data[:6] in GIF_STARTS or media_format(data[:256]) is not None:
            return _opened_blocks(data)
        return None

    def read(self, blocks: Blocks, comment: str) -> None:
        """Read all blocks; what this program wrote comes first."""
        self.unread += blocks.unread
        exif, xmp, iptc = None, blocks.xmp, b""
        with self.block("EXIF"):
            exif = ExifTags(blocks.exif) if blocks.exif else None
            if exif is not None and exif.damaged:
                self.unread.append("EXIF")
        with self.block("IPTC"):
            tags = exif.values if exif is not None else {}
            xmp = xmp or tags.get(XMP_TAG, b"")
            iptc = iptc_resource(blocks.photoshop or tags.get(PHOTOSHOP_TAG, b""))
            iptc = iptc or tags.get(IPTC_TAG, b"")
        described: list[tuple[str, str, str]] = []
        with self.block("XMP"):
            packet = XmpTexts(xmp) if xmp else None
            described = packet.others if packet else []
            for text in packet.own if packet else ():
                self.own.add(clean_text(text))
                self.texts.append((text, TextOrigin(place="metadata: XMP blip2:texts")))
        if exif is not None:
            with self.block("EXIF"):
                for name, text in exif_texts(exif):
                    self.add(name, text)
        with self.block("IPTC"):
            for text in iptc_captions(iptc):
                self.add("IPTC Caption-Abstract", text)
        for name, language, text in described:
            self.add(
                name, text, {"language": language} if language not in ("", "x-default") else {}
            )
        for keyword, text in blocks.png_texts:
            self.add_png(keyword, text)
        for content in blocks.comments:
            self.add(comment, decoded(content))

    def add_png(self, keyword: str, text: str) -> None:
        """Add a PNG text, which is about the image or something else."""
        if keyword.strip().lower() in PNG_NAMES:
            self.add(f"PNG {keyword.strip()}", text)
        elif not keyword.lower().startswith(PNG_TECHNICAL) and text.strip():
            self.not_used.append((f"PNG {keyword.strip()}", text))

    def add(self, name: str, text: str, data: dict[str, object] | None = None) -> None:
        """Add the text of a field, unless nobody wrote it."""
        if len(text) > MOST_TEXT:
            self.unread.append(name)
            return
        cleaned = clean_text(text)
        if not cleaned or cleaned in self.own:  # written twice by this program, for other ones
            return
        if not is_readable(text):
            self.unread.append(name)
            return
        prompt, settings = prompt_of(text)
        if not prompt or is_by_itself(cleaned):
            self.not_used.append((name, text))
        else:
            origin = TextOrigin(place=f"metadata: {name}", data=(data or {}) | settings)
            self.texts.append((prompt, origin))


def _opened_blocks(data: bytes) -> Blocks | None:
    """Return the blocks of a GIF, AVIF or HEIF file, as Pillow and its plugins find them."""
    try:
        with open_file(data) as image:
            exif, xmp, comment = (image.info.get(name) for name in ("exif", "xmp", "comment"))
    except Exception:  # whoever checks the image tells what is wrong with it
        return None
    is_long = len(without_long_comments(data)) < len(data)
    return Blocks(
        unread=["GIF comment"] if is_long else [],
        exif=exif.removeprefix(b"Exif\0\0") if isinstance(exif, bytes) else b"",
        xmp=xmp if isinstance(xmp, bytes) else b"",
        comments=[comment] if isinstance(comment, bytes) else [],
    )
