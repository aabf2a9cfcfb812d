"""Problems of the same reason, told one by one only up to a number: a damaged table of a million
rows would else make a million of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TypeVar

from blip2core.records import Problem

T = TypeVar("T")

MOST_ALIKE = 1_000
"""Problems of the same reason that are told one by one; the others are counted."""


def briefly(found: Iterable[T | Problem], most: int = MOST_ALIKE) -> Iterator[T | Problem]:
    """Yield what was found, and at the end a Problem for each reason that more than `most` have:
    under the name of the first that was not told, with the sums of the others.
    """
    told: dict[tuple[str, str], int] = {}
    left: dict[tuple[str, str], Problem] = {}
    for one in found:
        if not isinstance(one, Problem):
            yield one
            continue
        kind = (one.about, one.reason)
        told[kind] = told.get(kind, 0) + 1
        if told[kind] <= most:
            yield one
        elif (sums := left.get(kind)) is None:
            left[kind] = one
        else:
            texts, count = sums.texts + one.texts, sums.count + one.count
            left[kind] = replace(sums, texts=texts, count=count)
    for key, sums in left.items():
        if (more := told[key] - most) == 1:
            yield sums
        else:
            yield replace(sums, reason=f"From here on it is so {more:,} times: {sums.reason}")
