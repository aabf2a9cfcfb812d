"""The input of the CapFilt tab: images from files, archives and tables, each with its web texts.

A text that is typed stands beside its image on the page, and is sent with the key of that image:
where an image stands in a list says nothing of which texts are about it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from app.inference.capfilt_tasks import InputImage, sha256_of
from app.metrics import note_refusal
from app.workbench.image.uploaded_files import uploaded_path
from app.workbench.image.uploads import Upload
from app.workbench.widgets import tables
from blip2core.bundled import SAMPLES
from blip2core.errors import ImageError, IntakeError, TextError
from blip2core.images import open_image
from blip2core.intake import Limits, NamedFile, check_image, read
from blip2core.records import Problem, Unused, WebImage
from blip2core.texts import clean_text

MOST_IMAGES = 200
"""Images that are taken at once; the curator takes any number."""
MOST_BYTES = 100_000_000
"""Size of all image files together."""
MOST_TYPED = 10
"""Texts that can be typed beside one image."""
LONGEST_TYPED = 200_000
"""Characters that a page may send as the typed texts of all images."""
CARD_SIDE = 192
"""Longer edge of an image on a card, in pixels."""
CHANGED = "The list of images has just changed: look at the texts beside them, then press again."
WEB_SAMPLES = SAMPLES / "web"
SAMPLE_IMAGES = 12
_LIMITS = Limits(
    text_characters=1000,
    texts=10,
    rows=10_000,
    table_bytes=10_000_000,
    members=2_000,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairInput:
    """What a visitor gave to the tab."""

    images: tuple[InputImage, ...] = ()
    """Each image once."""
    problems: list[tuple[str, str]] = field(default_factory=list)
    """Name and reason of everything that could not be used."""


def read_uploads(uploads: Sequence[Upload]) -> PairInput:
    """Return the images in the files with the texts beside them, and what could not be used."""
    given: dict[str, InputImage] = {}
    problems: list[tuple[str, str]] = []
    size = 0
    try:
        files = [NamedFile(upload.name, uploaded_path(upload.path)) for upload in uploads]
        for one in read(files, limits=_LIMITS) if files else ():
            if isinstance(one, Problem):
                note_refusal("image")
                problems.append((one.name, one.reason))
                continue
            if isinstance(one, Unused):
                rename = ": name it text" if one.option else ""  # this tab has no choice of columns
                problems.append((one.name, f"Not used; {one.advice}{rename}"))
                continue
            size += len(one.data)
            if len(given) == MOST_IMAGES or size > MOST_BYTES:
                problems.append((one.name, _too_much()))
                break
            _take(given, problems, one)
    except (ImageError, IntakeError) as error:
        note_refusal("image")
        problems.append((uploads[0].name, str(error)))
    return PairInput(images=tuple(given.values()), problems=problems)


def _take(given: dict[str, InputImage], problems: list[tuple[str, str]], found: WebImage) -> None:
    """Add an image; one that is there already gets the texts that it did not have."""
    try:
        one = _opened(found)
    except ImageError as error:
        note_refusal("image")
        problems.append((found.name, str(error)))
        return
    known = given.get(one.key)
    if known is None:
        given[one.key] = one
        return
    given[one.key] = replace(known, texts=_together(known.texts, one.texts))
    problems.append((one.name, f"The same image as {known.name}, which has its texts now."))


def _opened(found: WebImage) -> InputImage:
    clean = check_image(found.data)
    return InputImage(
        name=found.name,
        data=clean.data,
        key=sha256_of(clean.data),
        thumbnail=tables.thumbnail_address(open_image(clean.data), CARD_SIDE),
        texts=found.texts,
    )


def _together(texts: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*texts, *others)))


def read_samples() -> PairInput:
    """Return the first images of the noisy web set that comes with the project."""
    images = (one for one in read(WEB_SAMPLES, limits=_LIMITS) if isinstance(one, WebImage))
    return PairInput(images=tuple(_opened(one) for one in islice(images, SAMPLE_IMAGES)))


def _too_much() -> str:
    return (
        f"This and what follows is left out: at most {MOST_IMAGES} images and "
        f"{MOST_BYTES // 1_000_000} MB are taken here. The curator takes whole folders."
    )


def typed_from(sent: str) -> dict[str, str]:
    """Return the typed texts as a page sends them: key of an image on screen -> its lines.

    In the order in which the images are on screen, those without a text too. Raises TextError where
    it is something else, or too long.
    """
    if len(sent) > LONGEST_TYPED:
        raise TextError(f"The typed texts are too long: at most {LONGEST_TYPED:,} characters.")
    try:
        found = json.loads(sent or "[]")
        typed = {one["key"]: one["words"] for one in found}
    except (ValueError, TypeError, KeyError, RecursionError):
        raise TextError("The typed texts came damaged: load the page again.") from None
    if not all(isinstance(one, str) for pair in typed.items() for one in pair):
        raise TextError("The typed texts came damaged: load the page again.")
    return typed


def with_typed(given: Sequence[InputImage], typed: Mapping[str, str]) -> PairInput:
    """Return the images with the texts that were typed beside them; lines too many are problems."""
    images: list[InputImage] = []
    problems: list[tuple[str, str]] = []
    for one in given:
        lines = [line for line in map(clean_text, typed.get(one.key, "").splitlines()) if line]
        if len(lines) > MOST_TYPED:
            problems.append((one.name, f"Only the first {MOST_TYPED} typed texts are taken."))
        if any(len(line) > _LIMITS.text_characters for line in lines[:MOST_TYPED]):
            most = _LIMITS.text_characters
            problems.append((one.name, f"Only the first {most:,} characters of a text are taken."))
        taken = [line[: _LIMITS.text_characters] for line in lines[:MOST_TYPED]]
        images.append(replace(one, texts=_together(one.texts, taken)))
    return PairInput(images=tuple(images), problems=problems)
