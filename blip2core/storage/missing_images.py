"""Whether the images of the tables are in the image store, with the bytes that they had."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session
from tqdm import tqdm

from blip2core.errors import StorageError
from blip2core.storage.batches import Choice
from blip2core.storage.bulk_insert import chunks
from blip2core.storage.database_errors import storage_errors
from blip2core.storage.images import ImageStore
from blip2core.storage.schema import Image, Item

IMAGES_PER_PAGE = 1_000
"""Rows read in one go; no transaction is open while files are read."""
BRING_BACK = "bring it back with `blip2 db restore BACKUP --images`"


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedImage:
    """An image whose bytes the tables say are in the store."""

    sha256: str
    format: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageHealth:
    """What a check of the image store found."""

    images: int
    """Images that were looked for."""
    problems: tuple[str, ...]
    """Empty where all are there, as they were."""


def check_images(engine: Engine, store: ImageStore, *, quick: bool = False) -> ImageHealth:
    """Read every image of the tables and compare its hash; with `quick` only look at its size.

    Images that were taken down are not looked for.
    """
    if not store.root.is_dir() and (count := count_wanted(engine)):
        problem = f"the folder of the images, {store.root}, is not there: {count:,} are missing"
        return ImageHealth(images=count, problems=(problem,))
    count, problems = 0, []
    for image in shown_progress(engine, "check images"):
        count += 1
        problem = _size_problem(store, image) or ("" if quick else _bytes_problem(store, image))
        if problem and is_wanted(engine, image.sha256):
            problems.append(problem)
    return ImageHealth(images=count, problems=tuple(problems))


def shown_progress(engine: Engine, what: str) -> Iterator[WantedImage]:
    """Yield what `wanted_images` does, with a progress bar where somebody watches."""
    images = wanted_images(engine)
    yield from tqdm(images, desc=what, total=count_wanted(engine), leave=False, disable=None)


def count_wanted(engine: Engine) -> int:
    """Return how many images `wanted_images` yields."""
    query = select(func.count()).select_from(Image).where(Image.state == "ok")
    with storage_errors(engine.url), engine.connect() as connection:
        return connection.scalar(query) or 0


def refuse_missing_folder(engine: Engine, store: ImageStore) -> None:
    """Raise StorageError where there are images, but not the folder that they should be in."""
    if not store.root.is_dir() and count_wanted(engine):
        raise StorageError(
            f"The folder of the images, {store.root}, is not there: mount it, or set BLIP2_DATA to "
            "the data folder of this studio."
        )


def wanted_images(engine: Engine) -> Iterator[WantedImage]:
    """Yield every image that was not taken down, oldest first, read in pages."""
    last = 0
    while True:
        query = (
            select(Image.id, Image.sha256, Image.format, Image.bytes)
            .where(Image.id > last, Image.state == "ok")
            .order_by(Image.id)
            .limit(IMAGES_PER_PAGE)
        )
        with storage_errors(engine.url), engine.connect() as connection:
            page = connection.execute(query).all()
        for number, sha256, format, size in page:
            last = number
            yield WantedImage(sha256=sha256, format=format, bytes=size)
        if len(page) < IMAGES_PER_PAGE:
            return


def is_wanted(engine: Engine, sha256: str) -> bool:
    """Return whether an image is not taken down, as the tables say now."""
    query = select(Image.id).where(Image.sha256 == sha256, Image.state == "ok")
    with storage_errors(engine.url), engine.connect() as connection:
        return connection.scalar(query) is not None


def refuse_missing_images(session: Session, store: ImageStore, *, item_ids: Sequence[int]) -> None:
    """Raise StorageError where an image of these items is not in the store with its size.

    Nobody can see such an image, so nothing may be accepted about it. No file is read.
    """
    query = (
        select(Item.id, Image.sha256, Image.format, Image.bytes)
        .join(Image, Image.id == Item.image_id)
        .where(Item.id.in_(item_ids), Image.state == "ok")
        .order_by(Item.id)
    )
    for item_id, sha256, format, size in session.execute(query):
        if store.has(sha256, format=format, bytes=size):
            continue
        if not store.root.is_dir():
            raise StorageError(
                f"The folder of the images, {store.root}, is not there, so nothing can be accepted,"
                f" only rejected: mount it, set BLIP2_DATA to its data folder, or {BRING_BACK}."
            )
        path = store.path(sha256, format=format)
        raise StorageError(
            f"The image of item {item_id} is missing or damaged ({path}), so nothing can be "
            f"accepted about it, only rejected: {BRING_BACK}, or import it again."
        )


def with_images(session: Session, store: ImageStore, choices: Iterable[Choice]) -> Iterator[Choice]:
    """Yield the choices of a batch; raise StorageError before one that accepts a text whose image
    is missing.
    """
    for chunk in chunks(choices):
        accepted = sorted({choice.item_id for choice in chunk if choice.action == "accept"})
        refuse_missing_images(session, store, item_ids=accepted)
        yield from chunk


def _size_problem(store: ImageStore, image: WantedImage) -> str:
    path = store.path(image.sha256, format=image.format)
    if store.has(image.sha256, format=image.format, bytes=image.bytes):
        return ""
    if not path.is_file():
        return f"the image {path} is missing"
    return f"the image {path} has {path.stat().st_size} bytes instead of {image.bytes}"


def _bytes_problem(store: ImageStore, image: WantedImage) -> str:
    try:
        store.read(image.sha256, format=image.format)
    except StorageError as error:
        path = store.path(image.sha256, format=image.format)
        cause = error.__cause__
        said = f"cannot be read ({cause})" if cause else "was altered: its bytes have another hash"
        return f"the image {path} {said}"
    return ""
