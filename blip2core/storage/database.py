"""The database of a curator: opened once, brought up to date, owned by one process."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from filelock import FileLock, Timeout
from sqlalchemy import URL, Engine
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError, StatementError
from sqlalchemy.orm import Session, sessionmaker

from blip2core.disk import sync_name
from blip2core.errors import Blip2Error, StorageError
from blip2core.storage.engine import BUSY_SECONDS, WRITE, connect, journal_for, parse_url
from blip2core.storage.images import ImageStore
from blip2core.storage.maintenance import check_revision, upgrade
from blip2core.storage.text_search import index_new_texts

UnitResult = TypeVar("UnitResult")
BUSY = "The database is busy with another change; try again."
NO_SAVEPOINT = "no such savepoint"
LOOK_SECONDS = 0.2
"""How long `has_owner` of another process may at most be in the way of one that opens."""
RETRIES = 3
"""How often `run_write` runs a unit that another one got in the way of."""
SERIALIZATION = {"40001", "40P01"}
"""What PostgreSQL calls a unit that may succeed when it is run again."""


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
        with _as_storage_errors(), _sessions(self.engine)() as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open a session that is committed, on disk, when the block ends, and rolled back where it
        raises.

        ConflictError and StorageError say why. No model work inside: others wait meanwhile.
        """
        if not self.owner:
            raise StorageError("This process only reads the database; open it as its owner.")
        engine = self.engine.execution_options(**{WRITE: True})
        with self._turn(), _as_storage_errors(), _sessions(engine).begin() as session:
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
                if not left or not _may_succeed_again(error.__cause__):
                    raise
        raise AssertionError("the last try returns or raises")

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if self.engine.dialect.name != "sqlite":
            yield
            return
        if not self.turn.acquire(timeout=BUSY_SECONDS):
            raise StorageError(BUSY)
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
    url: str | None = None, *, data: str | Path | None = None, owner: bool = True
) -> Database:
    """Open a database: make it where there is none, and bring its tables up to date.

    `url` is a database URL or the path of an SQLite file; without one BLIP2_DATABASE_URL, else
    studio.db in the data folder. Images go to `data`; without it BLIP2_DATA, else beside the
    SQLite file, else the user's data folder. Without `owner` it is only read, also while another
    process owns it. StorageError says what to do where it cannot be opened.
    """
    url = url or os.environ.get("BLIP2_DATABASE_URL")
    given = data or os.environ.get("BLIP2_DATA")
    folder = Path(given).expanduser().resolve() if given else default_data_folder()
    parsed = parse_url(url or str(folder / "studio.db"))
    file = Path(str(parsed.database)) if parsed.get_backend_name() == "sqlite" else None
    if file and not given:
        folder = file.parent
    if file and not owner and not file.is_file():
        raise StorageError(f"There is no database {file}; `blip2 db upgrade` makes one.")
    lock = _own(file) if file and owner else None
    try:
        with _as_storage_errors():
            if owner:
                upgrade(parsed)
            else:
                check_revision(parsed)
    except BaseException:
        if lock is not None:
            lock.release()
        raise
    return Database(
        url=parsed,
        images=ImageStore(folder / "images"),
        owner=owner,
        note=_note(parsed),
        engine=connect(parsed),
        lock=lock,
    )


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


def _note(url: URL) -> str:
    import sqlite3

    if url.get_backend_name() != "sqlite":
        return ""
    return journal_for(sqlite3.sqlite_version_info).note


def _lock(file: Path) -> FileLock:
    return FileLock(f"{file}.lock", thread_local=False)


def _own(file: Path) -> FileLock:
    """Take the lock that allows writing, held until `close` or the end of the process."""
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


def _sessions(engine: Engine) -> sessionmaker[Session]:
    # What a unit returns is still to be read after its end.
    return sessionmaker(engine, expire_on_commit=False)


@contextmanager
def _as_storage_errors() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        raise _translated(error) from error
    except OverflowError as error:  # of sqlite3, for a number that was typed or stood in an address
        raise StorageError("There is no such number: it is too large for a database.") from error


def _translated(error: SQLAlchemyError) -> Blip2Error:
    cause = error.orig if isinstance(error, StatementError) else None
    if isinstance(cause, Blip2Error):  # raised by a column type
        return cause
    said = " ".join(str(_first_of(cause or error)).split())
    if isinstance(error, IntegrityError):
        return StorageError(f"The database refused a change: {said}.")
    if "database is locked" in said or _may_succeed_again(error):
        return StorageError(BUSY)
    return StorageError(f"The database failed: {said}.")


def _first_of(error: BaseException) -> BaseException:
    """Return the error that came first. On a full disk SQLite ends the transaction by itself, and
    then there is no savepoint to go back to, which is the error that comes last.
    """
    while NO_SAVEPOINT in str(error) and error.__context__ is not None:
        error = error.__context__
    return error.orig if isinstance(error, DBAPIError) and error.orig else error


def _may_succeed_again(error: BaseException | None) -> bool:
    if not isinstance(error, DBAPIError):
        return False
    locked = "database is locked" in str(error.orig)
    return locked or getattr(error.orig, "sqlstate", None) in SERIALIZATION
