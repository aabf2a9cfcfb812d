"""Upgrade a database, back it up, and check it."""

import os
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import URL, Connection, Engine, TextClause, inspect, text

from blip2core.disk import sync_file, sync_folder
from blip2core.errors import StorageError, way_out
from blip2core.storage.database_errors import storage_errors
from blip2core.storage.engine import WRITE, connect
from blip2core.storage.table_copy import copy_tables
from blip2core.storage.text_search import index_texts

MIGRATIONS = Path(__file__).parent / "migrations"
NOT_CONTENT = ("alembic_version", "image_store")
"""Tables that say what and where the database is, not what is in it."""
MIGRATION_LOCK = 7_302_251
"""Number of the PostgreSQL lock that lets one process migrate at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What a check of the whole database found."""

    revision: str
    """Of the tables."""
    rows: dict[str, int]
    """Rows of each table."""
    problems: tuple[str, ...]
    """Empty where all is well."""


def upgrade(url: URL, *, target: str = "head", scripts: Path = MIGRATIONS) -> str:
    """Run the migrations that are missing, all in one transaction -> the revision now.

    Nothing changes where one fails. StorageError where the database is newer than this program.
    """
    # A migration may build a table anew, which foreign keys would take for deleting its rows.
    engine = connect(url, foreign_keys=False)
    try:
        writing = engine.execution_options(**{WRITE: True})
        with storage_errors(url), writing.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))
            if _current(connection) != _head(scripts) or target != "head":
                command.upgrade(alembic_config(scripts, connection), target)
                _refuse_orphans(connection)
            if target == "head":
                index_texts(connection)  # those that are older than the index
            return _current(connection)
    except CommandError as error:
        raise _newer(str(error)) from error
    finally:
        engine.dispose()


def check_revision(url: URL) -> str:
    """Return the revision of the tables. Raises StorageError where it is not the one of this
    program.
    """
    engine = connect(url)
    try:
        with storage_errors(url), engine.connect() as connection:
            found = _current(connection)
    finally:
        engine.dispose()
    if found == _head(MIGRATIONS):
        return found
    if found and found not in _known(MIGRATIONS):
        raise _newer(found)
    raise StorageError(
        "The tables of the database are of an older version; run `blip2 db upgrade`."
    )


def _newer(what: str) -> StorageError:
    return StorageError(
        f"The database has tables of a newer version ({what}); install that version."
    )


def check(engine: Engine) -> Health:
    """Read everything: pages and indexes (SQLite), references, constraints, verdicts."""
    from blip2core.storage.verdicts import verdict_differences

    with storage_errors(engine.url), engine.connect() as connection:
        problems = list(_file_problems(connection))
        if not problems:
            problems += verdict_differences(connection)
        tables = sorted(inspect(connection).get_table_names())
        ours = [name for name in tables if not name.startswith("caption_search")]
        rows = {
            name: connection.execute(_count(name)).scalar_one()
            for name in ours
            if name not in NOT_CONTENT
        }
        return Health(revision=_current(connection), rows=rows, problems=tuple(problems))


def _count(table: str) -> TextClause:
    return text(f'SELECT count(*) FROM "{table}"')  # noqa: S608 - the name is the database's own


def backup(url: URL, target: Path) -> Health:
    """Copy a database into a new SQLite file, also while it is being written.

    The copy is checked, then named. StorageError where `target` exists, and where the copy does not
    pass its check; then nothing is left at `target`. What a killed copy left is removed.
    """
    if target.exists():
        raise StorageError(f"{target} exists already; name a new file.")
    partial = target.with_name(f"{target.name}.partial")
    try:
        partial.unlink(missing_ok=True)
        health = copy_database(url, partial)
        os.rename(partial, target)
        sync_folder(target.parent)
    except OSError as error:
        said = f"{error.strerror or error}{way_out(error)}"
        raise StorageError(f"The copy {target} could not be written: {said}.") from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
    return health


def copy_database(url: URL, target: Path) -> Health:
    """Write the rows of a database into a new SQLite file, check it, and sync it to disk."""
    copy = URL.create("sqlite", database=str(target))
    if url.get_backend_name() == "sqlite":
        _vacuum(url, target)
    else:
        upgrade(copy)
        source, written = connect(url), connect(copy, foreign_keys=False)
        try:
            copy_tables(source, written)
        finally:
            source.dispose()
            written.dispose()
    health = _check_copy(copy)
    sync_file(target)
    return health


def _vacuum(url: URL, target: Path) -> None:
    with storage_errors(url), closing(sqlite3.connect(str(url.database), timeout=60)) as connection:
        try:
            connection.execute("VACUUM INTO ?", (str(target),))
        except sqlite3.OperationalError as error:  # damage of the source is another one
            if "locked" in str(error):
                raise
            raise StorageError(
                f"The copy {target} could not be written ({error}): free some space there, or name "
                "another place."
            ) from error


def _check_copy(url: URL) -> Health:
    engine = connect(url)
    try:
        health = check(engine)
    finally:
        engine.dispose()
    if health.problems:
        raise StorageError(f"The copy is not sound: {'; '.join(health.problems)}.")
    return health


def _file_problems(connection: Connection) -> list[str]:
    if connection.dialect.name != "sqlite":
        return []  # PostgreSQL checks every reference itself, whoever writes
    found = [row[0] for row in connection.execute(text("PRAGMA integrity_check"))]
    problems = [line for line in found if line != "ok"]
    orphans = connection.execute(text("PRAGMA foreign_key_check")).all()
    return problems + [f"row {row[1]} of {row[0]} refers to no row of {row[2]}" for row in orphans]


def _refuse_orphans(connection: Connection) -> None:
    problems = _file_problems(connection)
    if problems:
        raise StorageError(f"The migration would break the database: {'; '.join(problems[:3])}.")


def alembic_config(scripts: Path, connection: Connection) -> Config:
    """Return what Alembic needs to run the migrations of a folder on a connection."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    return config


def _head(scripts: Path) -> str:
    return _migrations(scripts).get_current_head() or ""


def _known(scripts: Path) -> set[str]:
    return {script.revision for script in _migrations(scripts).walk_revisions()}


def _migrations(scripts: Path) -> ScriptDirectory:
    config: Any = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    return ScriptDirectory.from_config(config)


def _current(connection: Connection) -> str:
    return MigrationContext.configure(connection).get_current_revision() or ""
