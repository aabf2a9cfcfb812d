"""IPTC Caption-Abstract, in the image resources of Photoshop or bare.

Read here and not with Pillow, which finds it only in files that it has opened.
"""

from __future__ import annotations

from collections.abc import Iterator

from blip2core.formats.exif_texts import decoded

RESOURCE = b"8BIM"
IPTC_RESOURCE = 0x0404
MARK = 0x1C
CAPTION = (2, 120)


def iptc_resource(photoshop: bytes) -> bytes:
    """Return the IPTC data among image resources; none where there is none.

    Raises ValueError where a resource before it is cut off.
    """
    at = 0
    while photoshop[at : at + 4] == RESOURCE:
        kind = int.from_bytes(photoshop[at + 4 : at + 6])
        name = photoshop[at + 6 : at + 7]
        at += 6 + (name[0] if name else 0) + 1
        at += at % 2
        size = int.from_bytes(photoshop[at : at + 4])
        at += 4
        if at + size > len(photoshop):
            raise ValueError("an image resource is cut off")
        if kind == IPTC_RESOURCE:
            return photoshop[at : at + size]
        at += size + size % 2
    return b""


def iptc_captions(data: bytes) -> Iterator[str]:
    """Yield the captions. Raises ValueError where a record is cut off."""
    at = 0
    while at < len(data) and data[at] == MARK:
        size = int.from_bytes(data[at + 3 : at + 5])
        if at + 5 + size > len(data):  # also of a length that is given in more bytes
            raise ValueError("a record is cut off")
        if (data[at + 1], data[at + 2]) == CAPTION:
            yield decoded(data[at + 5 : at + 5 + size])
        at += 5 + size
