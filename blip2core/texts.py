"""Texts from outside, made safe to store: the same in every database and file. No torch here."""

import re
import unicodedata

CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
"""C0 and C1 controls but tab and newline, DEL, and halves of surrogate pairs."""


def clean_text(text: str) -> str:
    """One Unicode form (NFC), line ends as newlines, no controls, no white space around.

    SQLite takes a NUL and then counts only up to it, PostgreSQL refuses it, and both drivers fail
    on halves of surrogate pairs; none of these is meant as text. Marks of direction are: they stay.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x85", "\n")
    return unicodedata.normalize("NFC", CONTROLS.sub("", text)).strip()


def normalised(text: str) -> str:
    """What is compared to find duplicates: words without case, punctuation and extra spaces."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.findall(r"\w+", folded)) or " ".join(folded.split())
