"""The database of a curator: opened once, brought up to date, owned by one process."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from filelock import FileLock, Timeout
from sqlalchemy import URL, Engine
from sqlalchemy.orm import Session, sessionmaker

from blip2core.disk import sync_name
from blip2core.errors import StorageError, UnavailableError
from blip2core.storage.database_errors import BUSY, may_succeed_again, storage_errors
from blip2core.storage.engine import BUSY_SECONDS, WRITE, connect, journal_for, parse_url
from blip2core.storage.images import ImageStore
from blip2core.storage.maintenance import check_revision, upgrade
from blip2core.storage.store_id import adopt_store, check_store, settle_store
from blip2core.storage.text_search import index_new_texts

UnitResult = TypeVar("UnitResult")
LOOK_SECONDS = 0.2
"""How long `has_owner` of another process may at most be in the way of one that opens."""
RETRIES = 3
"""How often `run_write` runs a unit that another one got in the way of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """Sessions on one database, and the images that belong to it."""

    url: URL
    images: ImageStore
    owner: bool
    """May write. On SQLite one process at a time does."""
    note: str
    """What the curator should know of this database; empty where all is well."""
    engine: Engine = field(repr=False)
    lock: FileLock | None = field(default=None, repr=False)
    turn: threading.Lock = field(default_factory=threading.Lock, repr=False)
    """Writers of this process queue here: SQLite's own waiting is not fair, and a busy writer would
    starve the others."""

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a session that sees one state and can change nothing. Keep it short."""
        with storage_errors(self.url), _sessions(self.engine)() as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open a session that is committed, on disk, when the block ends, and rolled back where it
        raises.

        ConflictError and StorageError say why, UnavailableError where the same may succeed later.
        No model work inside: others wait meanwhile.
        """
        if not self.owner:
            raise StorageError("This process only reads the database; open it as its owner.")
        engine = self.engine.execution_options(**{WRITE: True})
        with self._turn(), storage_errors(self.url), _sessions(engine).begin() as session:
            yield session
            index_new_texts(session)

    def run_write(self, unit: Callable[[Session], UnitResult]) -> UnitResult:
        """Run `unit(session)` in one transaction, again from its start where another one
        interfered.
        """
        for left in reversed(range(RETRIES)):
            try:
                with self.write() as session:
                    return unit(session)
            except StorageError as error:
                if not left or not may_succeed_again(error.__cause__):
                    raise
        raise AssertionError("the last try returns or raises")

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if self.engine.dialect.name != "sqlite":
            yield
            return
        if not self.turn.acquire(timeout=BUSY_SECONDS):
            raise UnavailableError(BUSY)
        try:
            yield
        finally:
            self.turn.release()

    @property
    def is_alone(self) -> bool:
        """Whether no other process can write: an SQLite file has one owner, a server has many."""
        return self.owner and self.url.get_backend_name() == "sqlite"

    def has_owner(self) -> bool:
        """Return whether some process may write now. PostgreSQL does not tell: there one always
        may.
        """
        if self.owner or self.url.get_backend_name() != "sqlite":
            return True
        try:
            with _lock(Path(str(self.url.database))).acquire(blocking=False):
                return False
        except (Timeout, OSError):
            return True

    def close(self) -> None:
        """End all connections; another process may own the database then."""
        self.engine.dispose()
        if self.lock is not None:
            self.lock.release()


def open_database(
    url: str | None = None,
    *,
    data: str | Path | None = None,
    owner: bool = True,
    adopt: bool = False,
) -> Database:
    """Open a database: make it where there is none, and bring its tables up to date.

    `url` is a database URL or the path of an SQLite file; without one BLIP2_DATABASE_URL, else
    studio.db in the data folder. Images go to `data`; without it BLIP2_DATA, else beside the
    SQLite file, else the user's data folder. Without `owner` it is only read, also while another
    process owns it. StorageError says what to do where it cannot be opened, also because the
    images in `data` are not those of this database, unless the owner is to `adopt` that folder.
    """
    parsed, folder = locate(url, data=data)
    file = Path(str(parsed.database)) if parsed.get_backend_name() == "sqlite" else None
    if file and not owner and not file.is_file():
        raise StorageError(f"There is no database {file}; `blip2 db upgrade` makes one.")
    lock = own_file(file) if file and owner else None
    try:
        if owner:
            upgrade(parsed)
        else:
            check_revision(parsed)
    except BaseException:
        if lock is not None:
            lock.release()
        raise
    database = Database(
        url=parsed,
        images=ImageStore(folder / "images"),
        owner=owner,
        note=journal_note(parsed),
        engine=connect(parsed),
        lock=lock,
    )
    try:
        return _with_its_images(database, adopt)
    except BaseException:
        database.close()
        raise


def _with_its_images(database: Database, adopt: bool) -> Database:
    """Return the database if the folder of images is the one that belongs to it; one that is only
    read has a note where it is not.
    """
    if database.owner:
        with database.write() as session:
            if adopt:
                adopt_store(session, database.images)
            settle_store(session, database.images, alone=database.is_alone)
        return database
    with database.read() as session:
        try:
            check_store(session, database.images)
        except StorageError as error:
            return replace(database, note=f"{database.note} {error}".strip())
    return database


def locate(url: str | None = None, *, data: str | Path | None = None) -> tuple[URL, Path]:
    """Return the database that `open_database` opens, and the data folder of its images."""
    url = url or os.environ.get("BLIP2_DATABASE_URL")
    given = data or os.environ.get("BLIP2_DATA")
    folder = Path(given).expanduser().resolve() if given else default_data_folder()
    parsed = parse_url(url or str(folder / "studio.db"))
    if parsed.get_backend_name() == "sqlite" and not given:
        folder = Path(str(parsed.database)).parent
    return parsed, folder


def own_file(file: Path) -> FileLock:
    """Take the lock that allows writing to an SQLite file, held until it is released or the end of
    the process. Raises StorageError where another process has it.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        sync_name(file)
        lock = _lock(file)
        lock.acquire(timeout=LOOK_SECONDS, poll_interval=LOOK_SECONDS / 4)
    except Timeout as error:
        raise StorageError(
            f"Another process owns the database {file}: stop it first (a running studio, or "
            "another blip2 command), or use its pages."
        ) from error
    except OSError as error:
        raise StorageError(
            f"The folder of the database {file} cannot be written ({error.strerror}); set "
            "BLIP2_DATA or BLIP2_DATABASE_URL to a place that can."
        ) from error
    return lock


def default_data_folder() -> Path:
    """Return where a user's data belongs on this system; never a folder that a web server shows."""
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return base / "blip2-studio"


def journal_note(url: URL) -> str:
    """Return what the owner of a database should know of its journal; empty where all is well."""
    import sqlite3

    if url.get_backend_name() != "sqlite":
        return ""
    return journal_for(sqlite3.sqlite_version_info).note


def _lock(file: Path) -> FileLock:
    return FileLock(f"{file}.lock", thread_local=False)


def _sessions(engine: Engine) -> sessionmaker[Session]:
    # What a unit returns is still to be read after its end.
    return sessionmaker(engine, expire_on_commit=False)
