"""Which folder of images belongs to a database: both carry the same id.

The folder carries it in a small file beside the images, so that it travels with them; the database
in the table `image_store`. `open_database` compares them, and so does every job before it works on
images: several studios may share one database, and one of them may look into another folder.
"""

import os
import socket
import uuid
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from blip2core.disk import sync_file, sync_name
from blip2core.errors import StorageError
from blip2core.storage.images import ImageStore
from blip2core.storage.schema import Image, ImageStoreRecord

FILE = "store-id"
"""Name of the file in the folder of images."""
SAMPLE = 20
"""Images, the oldest and the newest, that are looked for in a folder without an id."""
LOCK = 7_302_252
"""Number of the PostgreSQL lock that lets one studio settle the id at a time."""


def read_store_id(images: ImageStore) -> str | None:
    """Return the id that a folder of images carries; None where it has none, or is not there."""
    try:
        return (images.root / FILE).read_text("ascii").strip() or None
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StorageError(f"The file {images.root / FILE} cannot be read: {error}.") from error


def write_store_id(images: ImageStore, uid: str) -> str:
    """Give a folder of images an id, and make the folder -> the id that it has now: another one
    where somebody was faster. It is on disk when this returns.
    """
    try:
        images.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        if read_store_id(images) is None:
            _write_file(images.root, uid)
        sync_name(images.root / FILE)  # also where whoever wrote it was killed before that
    except OSError as error:
        raise StorageError(
            f"The folder of images {images.root} cannot be written ({error.strerror}); set "
            "BLIP2_DATA to a folder that can."
        ) from error
    return read_store_id(images) or uid


def _write_file(root: Path, uid: str) -> None:
    partial = root / f"{FILE}.{uuid.uuid4()}.partial"
    partial.write_text(f"{uid}\n", "ascii")
    sync_file(partial)
    try:
        os.link(partial, root / FILE)  # unlike a rename, it replaces nothing
    except FileExistsError:
        pass
    except OSError:  # a disk without links
        os.replace(partial, root / FILE)
    partial.unlink(missing_ok=True)


def stored_id(session: Session) -> ImageStoreRecord | None:
    """Return which store belongs to the database; None where no owner has opened it yet."""
    return session.get(ImageStoreRecord, 1)


def settle_store(session: Session, images: ImageStore, *, alone: bool) -> None:
    """Compare folder and database when an owner opens them; give an id to whoever has none.

    A database without an id takes that of the folder, if the folder has images of it or there are
    none; a folder without an id takes that of the database, if all the images that are looked for
    lie in it. `alone`: nobody else can own the database, so a fresh folder may also do for one
    without images. StorageError names the folder that belongs to the database.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
    record, found = stored_id(session), read_store_id(images)
    sample = _sample(session)
    here = sum(images.path(sha256, format=format).is_file() for sha256, format in sample)
    if record is None:
        if sample and not here:
            raise StorageError(_not_it(images, "the folder in which its images lie"))
        adopt_store(session, images)
    elif found is None and here == len(sample) and (sample or alone):
        _keep(session, images, write_store_id(images, record.uid))
    elif found != record.uid:
        raise StorageError(_not_it(images, record.location))
    else:
        _keep(session, images, record.uid)


def adopt_store(session: Session, images: ImageStore) -> str:
    """Make a folder the image store of this database, whatever is in it -> its id."""
    uid = write_store_id(images, str(uuid.uuid4()))
    _keep(session, images, uid)
    return uid


def check_store(session: Session, images: ImageStore) -> None:
    """Raise StorageError where the image store of this database is not there now: it is another
    folder, or its disk is not mounted any more.
    """
    record = stored_id(session)
    if record is not None and read_store_id(images) != record.uid:
        raise StorageError(_not_it(images, record.location))


def _keep(session: Session, images: ImageStore, uid: str) -> None:
    record = stored_id(session)
    location = f"{images.root} on {socket.gethostname()}"
    if record is None:
        session.add(ImageStoreRecord(uid=uid, location=location))
    elif (record.uid, record.location) != (uid, location):
        record.uid, record.location = uid, location
    session.flush()


def _sample(session: Session) -> Sequence[tuple[str, str]]:
    """Return (hash, format) of some of the oldest and newest images."""
    query = select(Image.sha256, Image.format).where(Image.state == "ok").limit(SAMPLE // 2)
    rows = [
        (sha256, format)
        for order in (Image.id, Image.id.desc())
        for sha256, format in session.execute(query.order_by(order))
    ]
    return list(dict.fromkeys(rows))


def _not_it(images: ImageStore, location: str) -> str:
    return (
        f"{images.root} is not the image store of this database: that is {location}. Set "
        "BLIP2_DATA to the folder above it, which all studios of one database share; or bring the "
        "images here, and run `blip2 db adopt`."
    )
