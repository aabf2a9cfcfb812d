"""The texts of one image, each once, and an account of all that were read for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from blip2core.formats.annotated import Refused
from blip2core.intake.limits import Limits
from blip2core.intake.text_data import clean_origin
from blip2core.records import Problem, TextOrigin
from blip2core.texts import CONTROLS, clean_text, count_of

FoundText = tuple[str, TextOrigin]
"""A text as it stood there, and where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageTexts:
    """Cleaned texts in the order in which they were found."""

    words: tuple[str, ...] = ()
    origins: Mapping[str, TextOrigin] = field(default_factory=dict)
    """Text -> where it stood first; with data (ids, scores), where it stood first with any."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class TooManyTexts(Problem):
    """How many texts of an image are above the limit; one for each image, of whatever rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenOut(Problem):
    """How many texts had characters that are no text; a note, told once for all images."""


def texts_of(found: Iterable[FoundText | Refused], where: str, limits: Limits) -> ImageTexts:
    """Return the texts that stood at one place. White space alone is no text."""
    origins: dict[str, TextOrigin] = {}
    refused: list[Problem] = []
    duplicates = changed = 0
    cleaned_last, last = None, NO_ORIGIN
    looked_at = over = 0
    for one in found:
        if isinstance(one, Refused):
            reason = one.reason
            refused.append(Problem(name=where, reason=reason, about="text", texts=one.count))
            continue
        text, origin = one
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
            continue
        is_known = cleaned in origins
        duplicates += is_known
        changed += not is_known and bool(CONTROLS.search(text))
        if is_known and (origins[cleaned].data or not origin.data):
            continue
        if (is_known or len(origins) < limits.texts) and origin is not cleaned_last:
            cleaned_last, last = origin, clean_origin(origin)
        origins[cleaned] = last  # beyond the limit it is not kept
    if changed:
        reason = "Characters that are no text were taken out of its texts."
        refused.append(TakenOut(name=where, reason=reason, about="note", count=changed))
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
            origin = part.origins.get(text, NO_ORIGIN)
            duplicates += text in origins
            if text not in origins or (origin.data and not origins[text].data):
                origins[text] = origin
    kept, refused_too = _first(tuple(origins), where, limits, refused=refused)
    refused = [one for one in refused if not isinstance(one, TooManyTexts)]
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
    words: tuple[str, ...],
    where: str,
    limits: Limits,
    unseen: int = 0,
    refused: Iterable[Problem] = (),
) -> tuple[tuple[str, ...], tuple[Problem, ...]]:
    """Return as many texts as an image may have, and a Problem for the others: also for those that
    were not looked at, and those that were `refused` before as too many.
    """
    before = [one for one in refused if isinstance(one, TooManyTexts)]
    kept, over = words[: limits.texts], max(0, len(words) - limits.texts) + unseen
    over += sum(one.texts for one in before)
    if not over:
        return kept, ()
    name = before[0].name if before else where
    reason = f"There are {len(kept) + over:,} texts; at most {limits.texts} are read."
    return kept, (TooManyTexts(name=name, reason=reason, about="text", texts=over),)


def _refused(where: str, text: str, limits: Limits) -> Problem:
    reason = "Nothing of the text can be seen."
    if len(text) > limits.text_characters:
        most = limits.text_characters
        reason = f"A text has {len(text):,} characters; at most {most:,} are read."
    return Problem(name=where, reason=reason, about="text", texts=1)


class RefusedTexts:
    """Tells what became of texts that are not stored as they stood, notes once for all images."""

    def __init__(self) -> None:
        self._first: TakenOut | None = None
        self._count = 0

    def told_apart(self, refused: Iterable[Problem]) -> Iterator[Problem]:
        """Yield what is told of each image; the notes are kept for `told`."""
        for one in refused:
            if isinstance(one, TakenOut):
                self._first = self._first or one
                self._count += one.count
            else:
                yield one

    def told(self) -> Iterator[Problem]:
        """Yield the notes of all."""
        if self._first is not None:
            texts = count_of(self._count, "text")
            which = "; this is the first" if self._count > 1 else ""
            reason = (
                f"Control characters, as NUL, or halves of surrogate pairs were taken out of "
                f"{texts}, as they are no text{which}."
            )
            yield Problem(name=self._first.name, reason=reason, about="note")
