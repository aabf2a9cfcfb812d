"""The texts in EXIF and TIFF data: ImageDescription, UserComment, and those of Windows.

Read here and not with Pillow, which warns of damage instead of telling it, knows no text of
EXIF 3 (UTF-8), and takes all others for Latin-1.
"""

from __future__ import annotations

import re
import struct
import unicodedata
from collections.abc import Iterator

DESCRIPTION = 0x010E
XMP_TAG, IPTC_TAG, PHOTOSHOP_TAG = 0x02BC, 0x83BB, 0x8649
"""Where a TIFF file holds blocks of other kinds."""
WINDOWS_TEXTS = {0x9C9B: "XPTitle", 0x9C9C: "XPComment", 0x9C9F: "XPSubject"}
USER_COMMENT = 0x9286
EXIF_POINTER = 0x8769
READ = frozenset(
    {DESCRIPTION, USER_COMMENT, *WINDOWS_TEXTS, XMP_TAG, IPTC_TAG, PHOTOSHOP_TAG, EXIF_POINTER}
)
"""Tags whose values are kept."""
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 6: 1, 7: 1, 13: 4, 129: 1}
"""Bytes of a value by its type, of the types that texts and pointers have."""
MOST_TAGS = 1_000
"""Tags of one directory that are looked at; cameras write less than a hundred."""
CHARSET = re.compile(r'charset="?\w+"?\s*')
"""What some programs put before a comment that they copied."""
LOOKED_AT = 10_000
"""Characters of a text by which it is told from other bytes."""
UNREADABLE = frozenset({"Cc", "Cn", "Co", "Cs"})


class ExifTags:
    """The tags READ of the first directory of TIFF data, and of its EXIF directory.

    Raises ValueError where the data is none or a directory is cut off.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._order = {b"II": "<", b"MM": ">"}.get(data[:2], "")
        self.values: dict[int, bytes] = {}
        """Tag -> its bytes; a value that does not lie within the data is left out."""
        self.damaged = False
        """Whether a directory or a value does not lie within the data."""
        if not self._order or self._number("H", 2) != 42:
            raise ValueError("it is no TIFF data")
        self._read(self._number("I", 4))
        if EXIF_POINTER in self.values and len(self.values[EXIF_POINTER]) == 4:
            self._read(struct.unpack(f"{self._order}I", self.values[EXIF_POINTER])[0])

    @property
    def utf_16(self) -> str:
        """Return how two bytes make a letter in this byte order."""
        return "utf-16-le" if self._order == "<" else "utf-16-be"

    def _number(self, kind: str, at: int) -> int:
        try:
            return int(struct.unpack_from(self._order + kind, self._data, at)[0])
        except struct.error as error:
            raise ValueError("it is cut off") from error

    def _read(self, at: int) -> None:
        try:
            for place in range(min(self._number("H", at), MOST_TAGS)):
                entry = at + 2 + 12 * place
                tag, kind = self._number("H", entry), self._number("H", entry + 2)
                size = self._number("I", entry + 4) * SIZES.get(kind, 0)
                start = entry + 8 if size <= 4 else self._number("I", entry + 8)
                if start + size > len(self._data):
                    self.damaged = True
                elif size and tag in READ:
                    self.values.setdefault(tag, self._data[start : start + size])
        except ValueError:
            self.damaged = True


def exif_texts(tags: ExifTags) -> Iterator[tuple[str, str]]:
    """Yield name and text of the tags that hold texts of the image."""
    if DESCRIPTION in tags.values:
        yield "EXIF ImageDescription", decoded(tags.values[DESCRIPTION])
    if USER_COMMENT in tags.values:
        yield "EXIF UserComment", user_comment(tags.values[USER_COMMENT], tags.utf_16)
    for tag, name in WINDOWS_TEXTS.items():
        if tag in tags.values:
            text = tags.values[tag].decode("utf-16-le", "replace")
            yield f"EXIF {name}", text.partition("\0")[0]


def decoded(data: bytes) -> str:
    """Return bytes that end with a NUL as a text: UTF-8, else Windows-1252, else Latin-1."""
    data = data.partition(b"\0")[0]
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")


def user_comment(data: bytes, utf_16: str) -> str:
    """Return an EXIF UserComment, whose first eight bytes name its encoding.

    UTF-16 is written in either byte order, whatever that of the file, `utf_16`.
    """
    name, rest = data[:8].rstrip(b"\0 ").upper(), data[8:]
    if name == b"UNICODE":
        text = _two_bytes(rest, utf_16)
    elif name == b"JIS":
        text = _japanese(rest)
    else:
        text = decoded(rest if name in (b"", b"ASCII") else data)
    prefix = CHARSET.match(text)
    return text[prefix.end() :] if prefix else text


def is_readable(text: str) -> bool:
    """Return whether hardly any of a text, of its beginning, is something that no letter is."""
    text = text[:LOOKED_AT]
    broken = sum(
        (unicodedata.category(one) in UNREADABLE and one not in "\t\n\r") or one == "\ufffd"
        for one in text
    )
    return broken * 10 <= len(text)


def _two_bytes(data: bytes, usual: str) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace").partition("\0")[0]
    other = "utf-16-be" if usual == "utf-16-le" else "utf-16-le"
    both = [data.decode(one, "replace").partition("\0")[0] for one in (usual, other)]
    return max(both, key=_likelihood)


def _likelihood(text: str) -> tuple[bool, float]:
    """Return how much like writing a text looks. In the wrong byte order Latin letters are no
    longer ASCII, and others are of many scripts.
    """
    text = text[:LOOKED_AT]
    plain = sum(one.isascii() for one in text)
    scripts = {unicodedata.name(one, "NONE").partition(" ")[0] for one in text}
    unknown = sum(unicodedata.category(one) in UNREADABLE for one in text)
    return 2 * plain > len(text), -len(scripts) - unknown


def _japanese(data: bytes) -> str:
    data = data.partition(b"\0")[0]
    for encoding in ("iso2022_jp", "euc_jp", "shift_jis"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")
