"""Comments in GIF files that are longer than any text about an image: Pillow joins their pieces one
by one, each time all of them anew, which takes hours for some megabytes.
"""

GIF_STARTS = (b"GIF87a", b"GIF89a")
LONGEST = 65_536
"""Bytes that all comments of a file may take, the sizes of their pieces included."""
EXTENSION, COMMENT, IMAGE = 0x21, 0xFE, 0x2C
"""First byte of a block, second byte of a comment, first byte of a frame (GIF89a, appendix A)."""


def without_long_comments(data: bytes) -> bytes:
    """Return a GIF file without the comments with which all of them are longer than `LONGEST`; all
    other files as they are.
    """
    if not data.startswith(GIF_STARTS) or bytes([EXTENSION, COMMENT]) not in data:
        return data
    kept, start, taken = bytearray(), 0, 0
    try:
        at = 13 + _colours(data[10])
        while data[at] in (EXTENSION, IMAGE):
            if data[at] == IMAGE:
                at = _end_of_pieces(data, at + 11 + _colours(data[at + 9]))
                continue
            end = _end_of_pieces(data, at + 2)
            if data[at + 1] == COMMENT:
                taken += end - at
                if taken > LONGEST:
                    kept += data[start:at]
                    start = end
            at = end
    except IndexError:  # cut off: what was found so far counts
        pass
    return bytes(kept + data[start:]) if start else data


def _colours(flags: int) -> int:
    """Return the bytes of the table of colours that follows."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _end_of_pieces(data: bytes, at: int) -> int:
    """Return where the pieces end that begin here, each with its size before it."""
    while size := data[at]:
        at += size + 1
    return at + 1
