"""Equal and similar images, found by pure functions over hashes."""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray

from blip2core.errors import ConfigError

BANDS = 4
BAND_BITS = 16
MOST_BITS = BANDS - 1
"""Bits in which alike images may differ: so few cannot touch all four bands of a hash."""

DuplicateGroup = tuple[int, ...]
"""Places of images that belong together, ascending."""


@dataclass(frozen=True, slots=True)
class NearPair:
    """Two images that look alike, by their places; `distance` in bits."""

    first: int
    second: int
    distance: int


def same(keys: Sequence[Hashable]) -> list[DuplicateGroup]:
    """Return groups of two or more places with the same key, such as the SHA-256 of the file."""
    groups: dict[Hashable, list[int]] = {}
    for place, key in enumerate(keys):
        groups.setdefault(key, []).append(place)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def near_pairs(hashes: Sequence[int], *, distance: int = MOST_BITS) -> Iterator[NearPair]:
    """Yield all pairs of different 64-bit hashes that differ in at most `distance` bits, 0 to 3.

    Images with one hash are paired with the first of them only, so that a thousand copies are a
    thousand pairs and not half a million; that first one stands for them in all other pairs.
    """
    if not 0 <= distance <= MOST_BITS:
        raise ConfigError(f"distance ({distance}) must be from 0 to {MOST_BITS}")
    values = numpy.array([value & 0xFFFF_FFFF_FFFF_FFFF for value in hashes], dtype=numpy.uint64)
    unique, firsts, group = numpy.unique(values, return_index=True, return_inverse=True)
    for place in numpy.flatnonzero(firsts[group] != numpy.arange(len(values))):
        yield NearPair(int(firsts[group[place]]), int(place), 0)
    if distance:
        for band in range(BANDS):
            for one, two, bits in _pairs_in_band(unique, band, distance):
                first, second = sorted((int(firsts[one]), int(firsts[two])))
                yield NearPair(first, second, bits)


def clusters(pairs: Iterable[NearPair]) -> list[DuplicateGroup]:
    """Return the connected components of `pairs`: each image is in at most one cluster."""
    parent: dict[int, int] = {}

    def root(place: int) -> int:
        while parent.setdefault(place, place) != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    for pair in pairs:
        one, two = sorted((root(pair.first), root(pair.second)))
        parent[two] = one
    groups: dict[int, list[int]] = {}
    for place in sorted(parent):
        groups.setdefault(root(place), []).append(place)
    return [tuple(group) for group in groups.values()]


def _pairs_in_band(
    unique: NDArray[numpy.uint64], band: int, distance: int
) -> Iterator[tuple[int, int, int]]:
    """Yield pairs that agree in this band and in none before it, so that no pair comes twice.

    Sorted by the band, those that agree stand together: each is compared with its neighbour, then
    with the next but one, and so on, all at once; memory grows with the hashes, not with the pairs.
    """
    keys = _band(unique, band)
    order = numpy.argsort(keys, kind="stable")
    keys = keys[order]
    step, places = 1, numpy.arange(len(unique))
    while True:
        places = places[places + step < len(unique)]
        places = places[keys[places] == keys[places + step]]
        if not len(places):
            return
        ones, twos = order[places], order[places + step]
        difference = unique[ones] ^ unique[twos]
        bits = numpy.bitwise_count(difference)
        is_found = bits <= distance
        for earlier in range(band):
            is_found &= _band(difference, earlier) != 0
        for index in numpy.flatnonzero(is_found):
            yield int(ones[index]), int(twos[index]), int(bits[index])
        step += 1


def _band(values: NDArray[numpy.uint64], band: int) -> NDArray[numpy.uint64]:
    return (values >> numpy.uint64(band * BAND_BITS)) & numpy.uint64((1 << BAND_BITS) - 1)
