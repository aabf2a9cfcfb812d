"""Images that look alike: found by the bands of their perceptual hashes, and kept in mind."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from blip2core.errors import StorageError
from blip2core.storage.bulk_insert import insert_missing
from blip2core.storage.schema import DuplicatePair, Image, Item

NEAR_DUPLICATE_BITS = 3
"""Bits in which the perceptual hashes of near duplicates differ at most."""
MOST_NEAR = 20
"""Images that one is paired with at most, the nearest of them: images of one colour all have the
same hash, and among a hundred thousand of them pairs of all would be billions.
"""
MOST_HASHES = 1_000
"""Hashes with the same band that one is compared with at most."""
Value = TypeVar("Value", int, str)
Near = dict[int, int]
"""Number of an image -> bits in which it differs; 0 also where the pixels are the same."""


def bands(phash: int) -> tuple[int, int, int, int]:
    """Return the four 16-bit pieces of a hash: two hashes within 3 bits have one in common."""
    high, upper, lower, low = ((phash >> shift) & 0xFFFF for shift in (48, 32, 16, 0))
    return high, upper, lower, low


def hamming(first: int, second: int) -> int:
    """Return the number of bits in which two hashes differ."""
    return ((first ^ second) & 0xFFFF_FFFF_FFFF_FFFF).bit_count()


def near_duplicates(
    session: Session, *, phash: int, pixel_sha256: str = "", distance: int = NEAR_DUPLICATE_BITS
) -> list[tuple[Image, int]]:
    """Return images that look alike, with the bits in which they differ (0: the same pixels),
    nearest first. `distance` is at most 3: hashes that differ in more bits may share no band.
    """
    if distance > NEAR_DUPLICATE_BITS:
        raise StorageError(f"Near duplicates differ in at most {NEAR_DUPLICATE_BITS} bits.")
    values = bands(phash)
    same_band = [getattr(Image, f"band{band}") == value for band, value in enumerate(values)]
    query = select(Image).where(or_(*same_band, Image.pixel_sha256 == pixel_sha256))
    found = []
    for image in session.scalars(query):
        bits = 0 if image.pixel_sha256 == pixel_sha256 else hamming(image.phash, phash)
        if bits <= distance:
            found.append((image, bits))
    return sorted(found, key=lambda pair: (pair[1], pair[0].id))


def duplicates_of(session: Session, *, item_id: int) -> list[tuple[int, int]]:
    """Return (item, distance) of the items of the same dataset that look alike, nearest first."""
    mine = session.get_one(Item, item_id)
    pair = DuplicatePair
    query = (
        select(Item.id, pair.distance)
        .join(
            pair,
            or_(
                (pair.first_id == mine.image_id) & (pair.second_id == Item.image_id),
                (pair.second_id == mine.image_id) & (pair.first_id == Item.image_id),
            ),
        )
        .where(Item.dataset_id == mine.dataset_id)
        .order_by(pair.distance, Item.id)
    )
    return [(other, distance) for other, distance in session.execute(query)]


def note_near(
    session: Session, *, dataset_id: int, images: Sequence[Image]
) -> dict[int, tuple[int, ...]]:
    """Keep in mind which images of the dataset look like these, which have just come into it.

    Returns for each, by number, those that were there before it, ascending: the `MOST_NEAR` that
    are nearest. `images` are in the order in which they came; five queries find them, however many
    there are.
    """
    candidates = _candidates(session, dataset_id, images)
    to_come = {image.id for image in images}
    noted: dict[int, tuple[int, ...]] = {}
    rows = []
    for image in images:
        to_come.discard(image.id)
        near = _nearest({k: v for k, v in candidates[image.id].items() if k not in to_come})
        noted[image.id] = tuple(sorted(near))
        for other, bits in sorted(near.items()):
            first, second = sorted((image.id, other))
            rows.append({"first_id": first, "second_id": second, "distance": bits})
    insert_missing(session, DuplicatePair, rows, unique=["first_id", "second_id"])
    return noted


def _nearest(near: Near) -> Near:
    return dict(sorted(near.items(), key=lambda pair: (pair[1], pair[0]))[:MOST_NEAR])


def _candidates(session: Session, dataset_id: int, images: Sequence[Image]) -> dict[int, Near]:
    """Return what looks like each image, by its number, within `NEAR_DUPLICATE_BITS`."""
    found: dict[int, Near] = defaultdict(dict)
    for band in range(4):
        of_band = defaultdict(list)
        for image in images:
            of_band[bands(image.phash)[band]].append(image)
        column = getattr(Image, f"band{band}")
        for value, number, phash in _in_dataset(session, dataset_id, column, list(of_band)):
            for image in of_band[value]:
                bits = hamming(image.phash, phash)
                if bits <= NEAR_DUPLICATE_BITS and number != image.id:
                    found[image.id][number] = bits
    of_pixels = defaultdict(list)
    for image in images:
        of_pixels[image.pixel_sha256].append(image)
    for pixels, number, _ in _in_dataset(session, dataset_id, Image.pixel_sha256, list(of_pixels)):
        for image in of_pixels[pixels]:
            if number != image.id:
                found[image.id][number] = 0
    return found


def _in_dataset(
    session: Session, dataset_id: int, column: InstrumentedAttribute[Any], values: list[Value]
) -> Iterator[tuple[Value, int, int]]:
    """Yield (value, image, hash) of the images of a dataset that have one of the values there.

    Of each hash come the first few, and of each value only so many hashes, so that what comes back
    is bounded whatever the images are.
    """
    if not values:
        return
    of_hash: ColumnElement[int] = func.row_number().over(
        partition_by=(column, Image.phash), order_by=Image.id
    )
    of_value: ColumnElement[int] = func.dense_rank().over(partition_by=column, order_by=Image.phash)
    # Not a join: SQLite would begin it with all items of the dataset.
    is_here = select(Item.id).where(Item.image_id == Image.id, Item.dataset_id == dataset_id)
    ranked = (
        select(
            column.label("value"),
            Image.id.label("number"),
            Image.phash.label("phash"),
            of_hash.label("of_hash"),
            of_value.label("of_value"),
        )
        .where(column.in_(values), is_here.exists())
        .subquery()
    )
    # One more than is kept, as the image itself may be among them.
    few = ranked.c.of_hash <= MOST_NEAR + 1, ranked.c.of_value <= MOST_HASHES
    query = select(ranked.c.value, ranked.c.number, ranked.c.phash).where(*few)
    yield from ((value, number, phash) for value, number, phash in session.execute(query))
