"""Image files checked on all cores, in order and in bounded memory, then put together in units."""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Generator as Yielding
from dataclasses import dataclass, replace

from blip2core.capfilt.prefetch import prefetch
from blip2core.errors import ImageError
from blip2core.intake import CheckedImage, Limits, check_image
from blip2core.intake.reading import ArchiveMark
from blip2core.records import Problem, Unused, WebImage

UNIT = 64
"""Inputs stored together, at most."""
UNIT_BYTES = 64_000_000
"""Bytes of images stored together, at most, unless one alone has more."""
UNIT_SECONDS = 1.0
"""Seconds until what has been checked is stored, so that an import that is to stop does so soon."""
AHEAD_BYTES = 128_000_000
"""Bytes of image files that are read and not yet stored, at most, unless one alone has more."""
Input = WebImage | Problem | Unused | ArchiveMark


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What became of one input; of its fields one is given, or `image` and what became of it."""

    image: WebImage | None = None
    """Without its bytes: those lie in `safe`, or are useless."""
    safe: CheckedImage | None = None
    problem: Problem | None = None
    unused: Unused | None = None
    mark: ArchiveMark | None = None

    @property
    def bytes(self) -> int:
        """Return what is held of it in memory."""
        return self.safe.bytes if self.safe is not None else 0


def check_all(
    inputs: Iterable[Input], limits: Limits | None = None
) -> Yielding[Checked, None, None]:
    """Yield what becomes of each input, in order. Pillow decodes and hashes outside of Python's
    lock, so that threads use all cores.
    """

    def weigh(one: Input) -> int:
        return len(one.data) if isinstance(one, WebImage) else 0

    return prefetch(
        inputs,
        lambda one: _check(one, limits),
        cores(),
        2 * UNIT,
        weigh=weigh,
        most=AHEAD_BYTES,
    )


def units(
    checked: Iterable[Checked], *, clock: Callable[[], float] = time.monotonic
) -> Iterator[list[Checked]]:
    """Yield what is to be stored together: soon, and never too much."""
    unit: list[Checked] = []
    held, began = 0, clock()
    for one in checked:
        unit.append(one)
        held += one.bytes
        if len(unit) >= UNIT or held >= UNIT_BYTES or clock() - began >= UNIT_SECONDS:
            yield unit
            unit, held, began = [], 0, clock()
    if unit:
        yield unit


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _check(one: Input, limits: Limits | None) -> Checked:
    """Decode and hash an image and cut off what is not the image; runs in a worker thread."""
    if isinstance(one, ArchiveMark):
        return Checked(mark=one)
    if isinstance(one, Unused):
        return Checked(unused=one)
    if isinstance(one, Problem):
        return Checked(problem=one)
    bare = replace(one, data=b"")
    try:
        return Checked(image=bare, safe=check_image(one.data, limits=limits))
    except ImageError as error:
        return Checked(image=bare, problem=one.problem(str(error)))
    except Exception as error:  # one hostile file must not end an import
        reason = f"The image could not be checked: {error}."
        return Checked(image=bare, problem=one.problem(reason))
