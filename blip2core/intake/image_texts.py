"""The texts of one image, each once, and an account of all that were read for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from blip2core.intake.limits import Limits
from blip2core.intake.text_data import clean_origin
from blip2core.records import Problem, TextOrigin
from blip2core.texts import clean_text, count_of

FoundText = tuple[str, TextOrigin]
"""A text as it stood there, and where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageTexts:
    """Cleaned texts in the order in which they were found."""

    words: tuple[str, ...] = ()
    origins: Mapping[str, TextOrigin] = field(default_factory=dict)
    """Text -> where it stood first."""
    duplicates: int = 0
    """Texts that were read and are in `words` already."""
    refused: tuple[Problem, ...] = ()
    """Texts that cannot be used; the image can."""

    @property
    def read(self) -> int:
        """Return how many texts were read, whatever became of them."""
        return len(self.words) + self.duplicates + sum(one.texts for one in self.refused)


NO_ORIGIN = TextOrigin()
NO_TEXTS = ImageTexts()
MOST_REFUSED = 100
"""Refused texts of one image that are told one by one."""
LOOKED_AT = 10
"""Texts that are compared with one another for each that an image may have; those that follow are
refused unseen.
"""


def texts_of(found: Iterable[FoundText], where: str, limits: Limits) -> ImageTexts:
    """Return the texts that stood at one place. White space alone is no text."""
    origins: dict[str, TextOrigin] = {}
    refused: list[Problem] = []
    duplicates = 0
    cleaned_last, last = None, TextOrigin()
    looked_at = over = 0
    for text, origin in found:
        if not text.strip():
            continue
        if looked_at >= LOOKED_AT * limits.texts:
            over += 1
            continue
        looked_at += 1
        # One Unicode form of a text may be longer than another.
        cleaned = clean_text(text) if len(text) <= limits.text_characters else ""
        if not 0 < len(cleaned) <= limits.text_characters:
            refused.append(_refused(where, text, limits))
        elif cleaned in origins:
            duplicates += 1
        else:
            if len(origins) < limits.texts and origin is not cleaned_last:
                cleaned_last, last = origin, clean_origin(origin)
            origins[cleaned] = last  # beyond the limit it is not kept
    words = tuple(origins)
    kept, refused_too = _first(words, where, limits, over)
    return ImageTexts(
        words=kept,
        origins={text: origins[text] for text in kept},
        duplicates=duplicates,
        refused=_few((*refused, *refused_too), where),
    )


def joined(parts: Iterable[ImageTexts], where: str, limits: Limits) -> ImageTexts:
    """Return the texts of several places that are about the same image."""
    origins: dict[str, TextOrigin] = {}
    refused: list[Problem] = []
    duplicates = 0
    for part in parts:
        duplicates += part.duplicates
        refused += part.refused
        for text in part.words:
            if text in origins:
                duplicates += 1
            else:
                origins[text] = part.origins.get(text, NO_ORIGIN)
    kept, refused_too = _first(tuple(origins), where, limits)
    return ImageTexts(
        words=kept,
        origins={text: origins[text] for text in kept},
        duplicates=duplicates,
        refused=_few((*refused, *refused_too), where),
    )


def _few(refused: tuple[Problem, ...], where: str) -> tuple[Problem, ...]:
    """Return the first Problems, and one for all others."""
    if len(refused) <= MOST_REFUSED:
        return refused
    texts = sum(one.texts for one in refused[MOST_REFUSED:])
    reason = f"{count_of(texts, 'more text')} about this image cannot be used either."
    rest = Problem(name=where, reason=reason, about="text", texts=texts)
    return (*refused[:MOST_REFUSED], rest)


def _first(
    words: tuple[str, ...], where: str, limits: Limits, unseen: int = 0
) -> tuple[tuple[str, ...], tuple[Problem, ...]]:
    """Return as many texts as an image may have, and a Problem for the others."""
    kept, over = words[: limits.texts], max(len(words) - limits.texts, 0) + unseen
    if not over:
        return kept, ()
    reason = f"There are {len(words) + unseen} texts; at most {limits.texts} are read."
    return kept, (Problem(name=where, reason=reason, about="text", texts=over),)


def _refused(where: str, text: str, limits: Limits) -> Problem:
    reason = "Nothing of the text can be seen."
    if len(text) > limits.text_characters:
        most = limits.text_characters
        reason = f"A text has {len(text):,} characters; at most {most:,} are read."
    return Problem(name=where, reason=reason, about="text", texts=1)
