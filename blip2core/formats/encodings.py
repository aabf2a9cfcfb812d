"""The encoding of a text file that does not say it: decided by the whole file, and told."""

import codecs
import io
import re
from collections import Counter
from dataclasses import dataclass
from typing import BinaryIO

from blip2core.errors import IntakeError
from blip2core.formats.unmarked_utf16 import alphabetic_order, eastern_order

MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""First bytes of a file -> its encoding. One mark of UTF-32 begins as one of UTF-16, so it is
first."""
LABELS = {"utf-8-sig": "UTF-8", "cp1252": "Windows-1252"}
BLOCK = 1 << 20
BROKEN = re.compile("[\ud800-\udfff]")
HIGH_BYTES = re.compile(rb"[\x80-\xff]+")
LETTERS = re.compile(rb"[\xc0-\xff]+")
NOT_WINDOWS = re.compile(rb"[\x81\x8d\x8f\x90\x9d\xff]")
"""Bytes that Windows-1252 leaves unassigned; and ÿ, which damage makes and texts hardly have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """How the bytes of a text are read."""

    name: str
    """As Python names it."""
    guessed: bool = False
    """The file has no mark of it, and it is not UTF-8."""

    @property
    def label(self) -> str:
        """Return its name for people."""
        return LABELS.get(self.name, self.name[:6].upper() if "-" in self.name else self.name)

    @property
    def errors(self) -> str:
        """Return how Python's decoders treat bytes that are not of this encoding: they become
        halves of surrogate pairs, which `is_broken` finds.
        """
        return _ONE_HALF if self.name.startswith(("utf-16", "utf-32")) else "surrogateescape"

    @property
    def note(self) -> str | None:
        """Return one sentence where it was guessed."""
        if not self.guessed:
            return None
        return (
            f"The file is not UTF-8 and was read as {self.label}; where letters look wrong, save "
            "it as UTF-8 and import it again."
        )


def find_encoding(file: BinaryIO) -> Encoding:
    """Return the encoding of a file by its mark; without one it is UTF-16 where all of it is a text
    in that, UTF-8 where most of what is not ASCII is, or Windows-1252 where it looks like a western
    text. All else is UTF-8 with broken lines. The file is read from its start, and left anywhere.
    """
    file.seek(0)
    head = file.read(4)
    for mark, name in MARKS.items():
        if head.startswith(mark):
            return Encoding(name=name)
    if order := alphabetic_order(file):
        return Encoding(name=order, guessed=True)
    file.seek(0)
    if _is_utf8(file):
        return Encoding(name="utf-8")
    if order := eastern_order(file):
        return Encoding(name=order, guessed=True)
    file.seek(0)
    return Encoding(name="cp1252", guessed=True) if _is_western(file) else Encoding(name="utf-8")


def decode(data: bytes) -> tuple[str, Encoding]:
    """Return a whole text and its encoding. Raises IntakeError where it has bytes of no encoding
    that is read.
    """
    encoding = find_encoding(io.BytesIO(data))
    text = data.decode(encoding.name, encoding.errors)
    if is_broken(text) or (len(data) == 2 and not text):
        raise IntakeError(f"it is not {encoding.label}; save it as UTF-8")
    return text, encoding


def is_broken(text: str) -> bool:
    """Return whether the text held bytes that are not of its encoding."""
    return BROKEN.search(text) is not None


def _is_utf8(file: BinaryIO) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while block := file.read(BLOCK):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _is_western(file: BinaryIO) -> bool:
    """Return whether a text that is not UTF-8 throughout is Windows-1252.

    Its bytes above ASCII are letters with accents and typographic signs, which stand alone among
    ASCII letters. In other encodings (Cyrillic, Chinese, Japanese) they stand side by side.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    whole, broken = 0, 0
    high, letters = Counter[str](), Counter[str]()
    while block := file.read(BLOCK):
        if NOT_WINDOWS.search(block):
            return False
        for pattern, counts in ((HIGH_BYTES, high), (LETTERS, letters)):
            runs = pattern.findall(block)
            counts.update(bytes=sum(map(len, runs)), runs=len(runs))
        text = decoder.decode(block)
        wrong = len(BROKEN.findall(text))
        broken += wrong
        whole += len(text) - len(text.encode("ascii", "ignore")) - wrong
    alone = high["bytes"] <= 2 * high["runs"] and 2 * letters["bytes"] <= 3 * letters["runs"]
    return alone and whole <= broken


def _one_half(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return "\udcff", error.end


_ONE_HALF = "blip2core.one_half"
codecs.register_error(_ONE_HALF, _one_half)
