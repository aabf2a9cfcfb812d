"""Images in datasets: adding them, excluding them, taking them down."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from blip2core.errors import StorageError
from blip2core.records import WebImage
from blip2core.storage.bulk_insert import chunks, insert_missing
from blip2core.storage.finished_archives import forget_archives
from blip2core.storage.near_images import bands, note_near
from blip2core.storage.review_order import shuffle_place
from blip2core.storage.schema import Image, Item, Source
from blip2core.storage.web_texts import add_web_texts
from blip2core.texts import clean_text

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
    (added,) = add_items(session, dataset_id=dataset_id, run_id=run_id, found=[(image, web)])
    if added is None:
        raise StorageError(TAKEN_DOWN)
    return added


def add_items(
    session: Session, *, dataset_id: int, run_id: int, found: Sequence[tuple[ImageFacts, WebImage]]
) -> list[AddedItem | None]:
    """Add images, each with its source and texts, as if one after the other; what is there already
    is left as it is, but for texts of which more is said now (`add_web_texts`). None stands for an
    image that has been taken down, see `TAKEN_DOWN`.

    The number of statements does not grow with the number of images, so give a hundred at once.
    """
    gone = taken_down(session, [image for image, _ in found])
    wanted = [(image, web) for image, web in found if image.sha256 not in gone]
    images = _add_images(session, [image for image, _ in wanted])
    kept = [(images[i.sha256], web) for i, web in wanted if images[i.sha256].state == "ok"]
    items, new = _add_rows(session, dataset_id, [image for image, _ in kept])
    of_item = [(items[image.id], web) for image, web in kept]
    sources = _add_sources(session, run_id, of_item)
    new_items = {items[image.id] for image in new}
    texts = add_web_texts(session, of_item, sources, dataset_id=dataset_id, new=new_items)
    near = note_near(session, dataset_id=dataset_id, images=new)
    added: list[AddedItem | None] = []
    still_new = {image.id for image in new}
    counts = iter(texts)
    for facts, _ in found:
        image = images.get(facts.sha256)
        if facts.sha256 in gone or image is None or image.state != "ok":
            added.append(None)
            continue
        is_new = image.id in still_new
        still_new.discard(image.id)
        one = AddedItem(
            item_id=items[image.id],
            image_id=image.id,
            is_new=is_new,
            texts=next(counts),
            near=near[image.id] if is_new else (),
        )
        added.append(one)
    return added


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
    forget_archives(session, item_ids=item_ids)
    return item_ids


def is_taken_down(session: Session, image: ImageFacts) -> bool:
    """Return whether these pixels have been taken down, in this file or in another."""
    return bool(taken_down(session, [image]))


def taken_down(session: Session, images: Sequence[ImageFacts]) -> set[str]:
    """Return the hashes of those whose pixels have been taken down, in this file or in another."""
    query = select(Image.sha256, Image.pixel_sha256).where(
        or_(
            Image.sha256.in_([image.sha256 for image in images]),
            Image.pixel_sha256.in_([image.pixel_sha256 for image in images]),
        ),
        Image.state == "purged",
    )
    hashes = {value for row in session.execute(query) for value in row}
    return {one.sha256 for one in images if not hashes.isdisjoint((one.sha256, one.pixel_sha256))}


def stored_images(session: Session) -> set[str]:
    """Return the hashes of the images that are wanted; the image store may sweep all others."""
    return set(session.scalars(select(Image.sha256).where(Image.state == "ok")))


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


def _add_images(session: Session, images: Sequence[ImageFacts]) -> dict[str, Image]:
    """Add images that are new -> all of them by their hashes, locked, so that a takedown at the
    same time waits for their items, and then excludes these too.
    """
    by_hash = {image.sha256: image for image in images}
    query = select(Image.sha256).where(Image.sha256.in_(by_hash))
    known = set(session.scalars(query))
    # Not those that are known: a row that is refused takes a number, another in each unit.
    rows = [_image_row(image) for image in by_hash.values() if image.sha256 not in known]
    insert_missing(session, Image, rows, unique=["sha256"])
    stored = select(Image).where(Image.sha256.in_(by_hash)).with_for_update(read=True)
    found = session.scalars(stored.execution_options(populate_existing=True))
    return {image.sha256: image for image in found}


def _add_rows(
    session: Session, dataset_id: int, images: Sequence[Image]
) -> tuple[dict[int, int], list[Image]]:
    """Return the item of each image, and the images that are new to the dataset, in order."""
    numbers = [image.id for image in images]
    query = select(Item.image_id, Item.id).where(
        Item.dataset_id == dataset_id, Item.image_id.in_(numbers)
    )
    known = {image_id for image_id, _ in session.execute(query)}
    new = list({image.id: image for image in images if image.id not in known}.values())
    rows = [
        {"dataset_id": dataset_id, "image_id": image.id, "shuffle": shuffle_place(image.sha256)}
        for image in new
    ]
    added = insert_missing(session, Item, rows, unique=["dataset_id", "image_id"])
    new = [image for image in new if (dataset_id, image.id) in added]
    return {image_id: item_id for image_id, item_id in session.execute(query)}, new


def _add_sources(session: Session, run_id: int, found: Sequence[tuple[int, WebImage]]) -> list[int]:
    """Note where each item was found -> the numbers of these places."""
    rows = [_source_row(item_id, run_id, web) for item_id, web in found]
    by_key = {(row["item_id"], row["origin_key"]): row for row in reversed(rows)}
    query = select(Source.item_id, Source.origin_key, Source.id).where(
        Source.item_id.in_([row["item_id"] for row in rows]),
        Source.origin_key.in_([row["origin_key"] for row in rows]),
    )
    known = {(item_id, key) for item_id, key, _ in session.execute(query)}
    new = [row for key, row in reversed(by_key.items()) if key not in known]
    insert_missing(session, Source, new, unique=["item_id", "origin_key"])
    numbers = {(item_id, key): number for item_id, key, number in session.execute(query)}
    return [numbers[row["item_id"], row["origin_key"]] for row in rows]


def _source_row(item_id: int, run_id: int, image: WebImage) -> dict[str, Any]:
    name, url = clean_text(image.name), image.url and clean_text(image.url)
    return {
        "item_id": item_id,
        "run_id": run_id,
        "origin_key": hashlib.sha256(f"{url or ''}\n{name}".encode()).hexdigest(),
        "name": name,
        "url": url,
        "page_url": image.page_url and clean_text(image.page_url),
        "license": image.license and clean_text(image.license),
        "alt_text": "\n".join(clean_text(text) for text in image.texts),
    }
