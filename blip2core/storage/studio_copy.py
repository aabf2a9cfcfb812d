"""Copy a studio from one database to another: SQLite to PostgreSQL, back, or to the same kind."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, text

from blip2core.errors import StorageError
from blip2core.storage.database import Database, locate, own_file
from blip2core.storage.database_errors import place_of, storage_errors
from blip2core.storage.engine import connect
from blip2core.storage.image_copy import copy_image
from blip2core.storage.images import ImageStore
from blip2core.storage.maintenance import upgrade
from blip2core.storage.missing_images import is_wanted, refuse_missing_folder, shown_progress
from blip2core.storage.table_copy import TableSum, copy_tables, refuse_rows, refuse_unstorable


@dataclass(frozen=True, slots=True, kw_only=True)
class CopiedStudio:
    """What a copy holds."""

    database: str
    """The file or address of the copy; without a password."""
    images_folder: Path
    tables: dict[str, TableSum]
    """Count and hash of every table, which are those of the source."""
    images: int
    """Images that were copied; none where both databases use the same folder."""
    problems: tuple[str, ...]
    """A sentence for each image that could not be copied."""
    others: int
    """Other connections to the source: what they store from now on is not in the copy."""


def copy_studio(source: Database, url: str, *, data: str | Path | None = None) -> CopiedStudio:
    """Copy all rows to an empty database, and the images where it has a data folder of its own.

    `url` and `data` name the target as for `open_database`. The source is not changed; on SQLite
    nobody may write to it meanwhile. Raises StorageError where the target has rows, or cannot
    hold what the source has.
    """
    target, folder = locate(url, data=data)
    if target == source.url:
        raise StorageError(f"The studio is in {place_of(target)} already; name another database.")
    with _sole_owner(source.url), _sole_owner(target):
        upgrade(target)
        read, written = connect(source.url), connect(target, foreign_keys=False)
        try:
            with storage_errors(target), written.connect() as connection:
                refuse_rows(connection)
            refuse_unstorable(read, written)
            refuse_missing_folder(source.engine, source.images)
            others = _other_connections(source)
            images, problems = _copy_images(source, ImageStore(folder / "images"))
            tables = copy_tables(read, written)
        finally:
            read.dispose()
            written.dispose()
    return CopiedStudio(
        database=place_of(target),
        images_folder=folder / "images",
        tables=tables,
        images=images,
        problems=tuple(problems),
        others=others,
    )


@contextmanager
def _sole_owner(url: URL) -> Iterator[None]:
    """Keep other processes from writing to an SQLite file; PostgreSQL may have many writers."""
    if url.get_backend_name() != "sqlite":
        yield
        return
    lock = own_file(Path(str(url.database)))
    try:
        yield
    finally:
        lock.release()


def _other_connections(source: Database) -> int:
    if source.engine.dialect.name != "postgresql":
        return 0
    query = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )
    with storage_errors(source.url), source.engine.connect() as connection:
        return connection.scalar(query) or 0


def _copy_images(source: Database, target: ImageStore) -> tuple[int, list[str]]:
    """Copy the images, each checked against its hash -> how many, and what is wrong with others."""
    if source.images.root.resolve() == target.root.resolve():
        return 0, []
    copied = 0
    problems: list[str] = []
    for image in shown_progress(source.engine, "copy images"):
        problem = copy_image(source.images, image, target)
        if not problem:
            copied += 1
        elif is_wanted(source.engine, image.sha256):
            problems.append(problem)
    return copied, problems
