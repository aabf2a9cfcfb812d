"""The input of the CapFilt tab: images and web texts from files, archives, tables and typing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import PurePosixPath

from app.inference.capfilt_tasks import InputImage
from app.metrics import note_refusal
from app.workbench.image.uploaded_files import uploaded_path
from app.workbench.image.uploads import Upload
from blip2core.bundled import SAMPLES
from blip2core.errors import ImageError, IntakeError
from blip2core.intake import Limits, NamedFile, read
from blip2core.records import Problem, Unused, WebImage
from blip2core.texts import clean_text

MOST_IMAGES = 200
"""Images that are taken at once; the curator takes any number."""
MOST_BYTES = 100_000_000
"""Size of all image files together."""
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

    images: list[InputImage] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)
    """Name and reason of everything that could not be used."""


LONGEST_TYPED = 20_000
"""Characters of the typed texts together."""


def read_uploads(uploads: Sequence[Upload], typed: str) -> PairInput:
    """Return the images in the files with the texts beside them and those that were typed."""
    given: list[InputImage] = []
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
            given.append(_given(one))
    except (ImageError, IntakeError) as error:
        note_refusal("image")
        problems.append((uploads[0].name, str(error)))
    placed = place_texts(given, typed)
    return replace(placed, problems=problems + placed.problems)


def read_samples() -> PairInput:
    """Return the first images of the noisy web set that comes with the project."""
    images = (one for one in read(WEB_SAMPLES, limits=_LIMITS) if isinstance(one, WebImage))
    return PairInput(images=[_given(one) for one in islice(images, SAMPLE_IMAGES)])


def _given(image: WebImage) -> InputImage:
    return InputImage(name=image.name, data=image.data, texts=image.texts)


def _too_much() -> str:
    return (
        f"This and what follows is left out: at most {MOST_IMAGES} images and "
        f"{MOST_BYTES // 1_000_000} MB are taken here. The curator takes whole folders."
    )


def place_texts(given: Sequence[InputImage], typed: str) -> PairInput:
    """Return the images with the typed texts, and the lines that have no image as problems.

    A line `name | text` goes to the image of that name, any other line to the next image in order.
    """
    images = list(given)
    problems: list[tuple[str, str]] = []
    if len(typed) > LONGEST_TYPED:  # a page bounds it, a program does not
        problems.append(("typed texts", f"Only the first {LONGEST_TYPED:,} characters are read."))
    names = {PurePosixPath(one.name).name: index for index, one in enumerate(images)}
    following = 0
    for line in filter(None, map(clean_text, typed[:LONGEST_TYPED].splitlines())):
        name, bar, text = map(clean_text, line.partition("|"))
        index = names.get(name) if bar else None
        if index is None:
            index, text = following, line
            following += 1
        if index >= len(images):
            problems.append((line[:60], "There is no image for this text."))
        elif text:
            one = images[index]
            images[index] = replace(one, texts=(*one.texts, text[: _LIMITS.text_characters]))
    return PairInput(images=images, problems=problems)
