"""Images in datasets: adding them, finding what looks alike, taking them down."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from blip2core.errors import StorageError
from blip2core.records import TextOrigin, WebImage
from blip2core.storage.bulk_insert import chunks, insert_missing
from blip2core.storage.review_order import shuffle_place
from blip2core.storage.schema import Caption, DuplicatePair, Image, Item, Source
from blip2core.texts import clean_text

NEAR_DUPLICATE_BITS = 3
"""Bits in which the perceptual hashes of near duplicates differ at most."""
MAX_TEXT = 20_000
"""Characters of a caption that are stored."""
TAKEN_DOWN = "This image has been taken down and cannot be imported again."


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFacts:
    """What the tables keep of an image whose bytes are in the store."""

    sha256: str
    pixel_sha256: str
    phash: int
    """64-bit perceptual hash, unsigned."""
    width: int
    height: int
    format: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedItem:
    """What became of one imported image."""

    item_id: int
    image_id: int
    is_new: bool
    """Not yet in the dataset before."""
    texts: int
    """Texts that the item did not have."""
    near: tuple[int, ...]
    """Images of the dataset that look alike, by number; looked for only where it is new."""


def add_item(
    session: Session, *, dataset_id: int, run_id: int, image: ImageFacts, web: WebImage
) -> AddedItem:
    """Add an image with its source and texts; what is there already is left as it is.

    Raises StorageError where the image, or another file with its pixels, has been taken down.
    """
    if is_taken_down(session, image):
        raise StorageError(TAKEN_DOWN)
    row = _image_row(image)
    insert_missing(session, Image, [row], unique=["sha256"])
    # Locked, so that a takedown at the same time waits for the item, and then excludes it too.
    query = select(Image).where(Image.sha256 == image.sha256).with_for_update(read=True)
    stored = session.scalars(query.execution_options(populate_existing=True)).one()
    if stored.state == "purged":
        raise StorageError(TAKEN_DOWN)
    found = select(Item.id).where(Item.dataset_id == dataset_id, Item.image_id == stored.id)
    is_new = session.scalar(found) is None
    if is_new:
        item = {
            "dataset_id": dataset_id,
            "image_id": stored.id,
            "shuffle": shuffle_place(image.sha256),
        }
        insert_missing(session, Item, [item], unique=["dataset_id", "image_id"])
    item_id = session.scalars(found).one()
    source_id = _add_source(session, item_id, run_id, web)
    texts = _add_web_texts(session, item_id, source_id, web)
    near: tuple[int, ...] = ()
    if is_new:
        near = _note_duplicates(session, dataset_id, stored)
    return AddedItem(item_id=item_id, image_id=stored.id, is_new=is_new, texts=texts, near=near)


def find_image(session: Session, *, sha256: str) -> Image | None:
    """Return the image of this hash, also one that was taken down."""
    return session.scalar(select(Image).where(Image.sha256 == sha256))


def image_of_item(session: Session, *, item_id: int) -> Image:
    """Return the image of an item. Raises StorageError where there is no such item."""
    query = select(Image).join(Item, Item.image_id == Image.id).where(Item.id == item_id)
    found = session.scalar(query)
    if found is None:
        raise StorageError(f"There is no item number {item_id}.")
    return found


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


def exclude_items(session: Session, *, item_ids: Sequence[int]) -> None:
    """Exclude items from review and from later snapshots; decisions stay in the log."""
    for chunk in chunks(item_ids):
        session.execute(update(Item).where(Item.id.in_(chunk)).values(status="excluded"))


def purge_image(session: Session, *, sha256: str) -> list[int]:
    """Mark an image, and every file with the same pixels, as taken down -> the items it was in.

    Its rows stay and keep it from being imported again. `take_down` also deletes the files.
    """
    image = find_image(session, sha256=sha256)
    if image is None:
        raise StorageError(f"There is no image {sha256[:12]}.")
    same = Image.pixel_sha256 == image.pixel_sha256
    session.execute(update(Image).where(same).values(state="purged"))
    query = select(Item.id).join(Image, Image.id == Item.image_id).where(same).order_by(Item.id)
    item_ids = list(session.scalars(query))
    exclude_items(session, item_ids=item_ids)
    return item_ids


def is_taken_down(session: Session, image: ImageFacts) -> bool:
    """Return whether these pixels have been taken down, in this file or in another."""
    query = select(Image.id).where(
        or_(Image.sha256 == image.sha256, Image.pixel_sha256 == image.pixel_sha256),
        Image.state == "purged",
    )
    return session.scalar(query.limit(1)) is not None


def stored_images(session: Session) -> set[str]:
    """Return the hashes of the images that are wanted; the image store may sweep all others."""
    return set(session.scalars(select(Image.sha256).where(Image.state == "ok")))


def bands(phash: int) -> tuple[int, int, int, int]:
    """Return the four 16-bit pieces of a hash: two hashes within 3 bits have one in common."""
    high, upper, lower, low = ((phash >> shift) & 0xFFFF for shift in (48, 32, 16, 0))
    return high, upper, lower, low


def hamming(first: int, second: int) -> int:
    """Return the number of bits in which two hashes differ."""
    return ((first ^ second) & 0xFFFF_FFFF_FFFF_FFFF).bit_count()


def _image_row(image: ImageFacts) -> dict[str, object]:
    unsigned = image.phash & 0xFFFF_FFFF_FFFF_FFFF
    return {
        "sha256": image.sha256,
        "pixel_sha256": image.pixel_sha256,
        "phash": unsigned - (1 << 64) if unsigned >> 63 else unsigned,
        **{f"band{band}": value for band, value in enumerate(bands(unsigned))},
        "width": image.width,
        "height": image.height,
        "format": image.format,
        "bytes": image.bytes,
    }


def _add_source(session: Session, item_id: int, run_id: int, image: WebImage) -> int:
    name, url = clean_text(image.name), image.url and clean_text(image.url)
    key = hashlib.sha256(f"{url or ''}\n{name}".encode()).hexdigest()
    row = {
        "item_id": item_id,
        "run_id": run_id,
        "origin_key": key,
        "name": name,
        "url": url,
        "page_url": image.page_url and clean_text(image.page_url),
        "license": image.license and clean_text(image.license),
        "alt_text": "\n".join(clean_text(text) for text in image.texts),
    }
    insert_missing(session, Source, [row], unique=["item_id", "origin_key"])
    query = select(Source.id).where(Source.item_id == item_id, Source.origin_key == key)
    return session.scalars(query).one()


def _add_web_texts(session: Session, item_id: int, source_id: int, image: WebImage) -> int:
    """Store the texts that the item does not have; return how many these are."""
    rows: dict[str, dict[str, object]] = {}
    for text in image.texts:
        cleaned, origin = clean_text(text)[:MAX_TEXT], image.origins.get(text, TextOrigin())
        key = f"web:{hashlib.sha256(cleaned.encode()).hexdigest()}"
        if cleaned:
            rows.setdefault(
                key,
                {
                    "item_id": item_id,
                    "source": "web",
                    "origin_key": key,
                    "text": cleaned,
                    "source_id": source_id,
                    "place": origin.place or None,
                    "data": dict(origin.data) or None,
                },
            )
    mine = Caption.item_id == item_id, Caption.origin_key.in_(list(rows))
    known = set(session.scalars(select(Caption.origin_key).where(*mine)))
    new = [row for key, row in rows.items() if key not in known]
    insert_missing(session, Caption, new, unique=["item_id", "origin_key"])
    return len(new)


def _note_duplicates(session: Session, dataset_id: int, image: Image) -> tuple[int, ...]:
    alike = near_duplicates(session, phash=image.phash, pixel_sha256=image.pixel_sha256)
    distances = {other.id: bits for other, bits in alike if other.id != image.id}
    query = select(Item.image_id).where(
        Item.dataset_id == dataset_id, Item.image_id.in_(list(distances))
    )
    here = sorted(session.scalars(query)) if distances else []
    rows = [
        {
            "first_id": min(image.id, other),
            "second_id": max(image.id, other),
            "distance": distances[other],
        }
        for other in here
    ]
    insert_missing(session, DuplicatePair, rows, unique=["first_id", "second_id"])
    return tuple(here)
