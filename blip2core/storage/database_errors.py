"""Errors of SQLite and PostgreSQL in a sentence: what failed, where, and what to do about it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError, StatementError

from blip2core.errors import Blip2Error, StorageError, UnavailableError
from blip2core.storage.server_errors import LOCK_TIMEOUT, unavailable

BUSY = "The database is busy with another change; try again."
NO_SAVEPOINT = "no such savepoint"
SERIALIZATION = {"40001", "40P01"}
"""What PostgreSQL calls a unit that may succeed when it is run again."""
FULL = (
    "The disk of the database {where} is full ({said}): free some space there and do it again. "
    "Nothing of this change was stored, and nothing else was lost."
)
DAMAGED = (
    "The database {where} is damaged ({said}): stop the studio, keep what is left of it elsewhere, "
    "and bring the newest backup back with `blip2 db restore BACKUP`."
)
DISK_FAILS = (
    "The disk of the database {where} failed, or it is full ({said}): free some space there and "
    "look at the disk, then run `blip2 db check`; `blip2 db restore BACKUP` brings a backup back."
)
CLOSED = (
    "The database {where} cannot be written ({said}): its file, its folder or the whole disk is "
    "read-only. Let this user write there, or name another place (BLIP2_DATA, BLIP2_DATABASE_URL)."
)
NOT_OPENED = (
    "The database {where} cannot be opened ({said}): let this user read and write the file and its "
    "folder, or name another place (BLIP2_DATA, BLIP2_DATABASE_URL)."
)
SENTENCES_BY_CODE = {
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_NOTADB: DAMAGED,
    sqlite3.SQLITE_IOERR: DISK_FAILS,
    sqlite3.SQLITE_READONLY: CLOSED,
    sqlite3.SQLITE_CANTOPEN: NOT_OPENED,
}
"""Result code of SQLite -> what we say."""
SENTENCES_BY_STATE = {
    "53100": FULL,
    "58030": DISK_FAILS,
    "XX001": DAMAGED,
    "XX002": DAMAGED,
    "25006": CLOSED,
}
"""The same by the SQLSTATE of PostgreSQL: see appendix A of its manual."""


@contextmanager
def storage_errors(url: URL) -> Iterator[None]:
    """Turn the errors of a database into StorageError, whose message names it and the way out."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise _translated(error, url) from error
    except OverflowError as error:  # of sqlite3, for a number that was typed or stood in an address
        raise StorageError("There is no such number: it is too large for a database.") from error


def may_succeed_again(error: BaseException | None) -> bool:
    """Return whether a unit failed only because another one was in its way."""
    if not isinstance(error, DBAPIError):
        return False
    locked = "database is locked" in str(error.orig)
    return locked or getattr(error.orig, "sqlstate", None) in SERIALIZATION


def place_of(url: URL) -> str:
    """Return the file of an SQLite database, or the address of a server's without its password."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return url.render_as_string(hide_password=True)


def _first_of(error: BaseException) -> BaseException:
    """Return the error that came first. On a full disk SQLite ends the transaction by itself, and
    then there is no savepoint to go back to, which is the error that comes last.
    """
    while NO_SAVEPOINT in str(error) and error.__context__ is not None:
        error = error.__context__
    return error.orig if isinstance(error, DBAPIError) and error.orig else error


def _translated(error: SQLAlchemyError | sqlite3.Error, url: URL) -> Blip2Error:
    cause = error.orig if isinstance(error, StatementError) else error
    if isinstance(cause, Blip2Error):  # raised by a column type
        return cause
    cause = _first_of(cause or error)
    said = " ".join(str(cause).split())
    if isinstance(error, IntegrityError):
        return StorageError(f"The database refused a change: {said}.")
    state = getattr(cause, "sqlstate", None) or ""
    if "database is locked" in said or may_succeed_again(error) or state == LOCK_TIMEOUT:
        return UnavailableError(BUSY)
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF  # the rest says more, as which I/O it was
    sentence = SENTENCES_BY_CODE.get(code) or SENTENCES_BY_STATE.get(state)
    if sentence is not None:
        return StorageError(sentence.format(where=place_of(url), said=said))
    if isinstance(error, SQLAlchemyError) and (told := unavailable(error)) is not None:
        return told
    return StorageError(f"The database failed: {said}.")
