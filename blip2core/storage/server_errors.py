"""What a database server says when it cannot do something now, as a sentence."""

import sqlite3

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from blip2core.errors import StorageError, UnavailableError

AWAY = "The database does not answer; what was stored is safe, try again in a moment"
NO_CONNECTION = (
    "The database does not answer: it has no connection left for this program; try again in a "
    "moment, end others, or raise its max_connections"
)
POOL = "Too many at once wait for the database; try again in a moment."
TOO_SLOW = (
    "The database ended this because it took longer than its statement_timeout allows; try it with "
    "less, or raise that setting."
)
LOCK_TIMEOUT = "55P03"
STATEMENT_TIMEOUT = "57014"
AWAY_BY_STATE = {
    "57P01": "it is being stopped",
    "57P02": "another of its processes failed, and it starts anew",
    "57P03": "it is starting",
}
"""SQLSTATE of PostgreSQL -> why it is away; class 08 are broken connections."""


def unavailable(error: SQLAlchemyError) -> StorageError | None:
    """Return what to tell of an error of a server that is away, or that gave up; None of others.

    UnavailableError where the same may succeed when the server is there again.
    """
    if isinstance(error, PoolTimeoutError):
        return UnavailableError(POOL)
    if not isinstance(error, DBAPIError) or isinstance(error.orig, sqlite3.Error):
        return None
    state: str = getattr(error.orig, "sqlstate", None) or ""
    said = _first_words(str(error.orig))
    if state == STATEMENT_TIMEOUT:
        return StorageError(TOO_SLOW)
    if state == "53300" or "too many clients" in said or "connection slots" in said:
        return UnavailableError(f"{NO_CONNECTION}.")
    if state in AWAY_BY_STATE:
        return UnavailableError(f"{AWAY} ({AWAY_BY_STATE[state]}).")
    # Without a state the error is the client's own: refused, broken, timed out.
    is_own = not state and isinstance(error, OperationalError | InterfaceError)
    if is_own or state.startswith("08") or error.connection_invalidated:
        return UnavailableError(f"{AWAY} ({said}).")
    return None


def _first_words(said: str) -> str:
    """Return the first line of what was said, without the hints that follow it."""
    lines = said.strip().splitlines() or [""]
    return " ".join(lines[0].split()).rstrip(".")[:200]
