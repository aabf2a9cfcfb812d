"""The curator's database: whether it answers, and whether its tables are those of this version."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from blip2core.cli.doctor.findings import Finding
from blip2core.errors import Blip2Error

AREA = "database"


def check_database() -> Iterator[Finding]:
    """Yield where the database is, and what is wrong with it. Nothing is written."""
    from blip2core.storage.database import locate, open_database

    try:
        url, _ = locate()
    except Blip2Error as error:
        yield _problem("BLIP2_DATABASE_URL", str(error), "Correct the setting, or leave it out.")
        return
    shown = url.set(query={}).render_as_string(hide_password=True)
    file = Path(str(url.database)) if url.get_backend_name() == "sqlite" else None
    if file is not None and not file.exists():
        detail = f"{shown} is not there yet"
        yield Finding(
            area=AREA, name="place", detail=detail, state="note", remedy="The first start makes it."
        )
        return
    yield Finding(area=AREA, name="place", detail=shown)
    try:
        database = open_database(owner=False)
    except (Blip2Error, OSError) as error:
        yield _problem("state", str(error), _remedy(file))
        return
    try:
        yield from _state(database)
    finally:
        database.close()


def _state(database: object) -> Iterator[Finding]:
    from blip2core.storage.database import Database, journal_note
    from blip2core.storage.maintenance import check_revision
    from blip2core.storage.run_counts import run_counts
    from blip2core.storage.store_id import check_store

    assert isinstance(database, Database)
    revision = check_revision(database.url)
    used = database.has_owner() and database.url.get_backend_name() == "sqlite"
    owner = ", a studio or a command writes to it" if used else ""
    yield Finding(area=AREA, name="state", detail=f"answers, tables of version {revision}{owner}")
    if journal := journal_note(database.url):
        yield Finding(area=AREA, name="journal", detail=journal, state="note")
    with database.read() as session:
        try:
            check_store(session, database.images)
        except Blip2Error as error:
            yield _problem("images", str(error), "A studio with this setting does not start.")
        counts = run_counts(session)
    failed = sum(one.runs for one in counts if one.status == "failed")
    waiting = sum(one.runs for one in counts if one.status in ("queued", "running"))
    detail = f"{sum(one.runs for one in counts):,} in all, {waiting:,} open, {failed:,} failed"
    yield Finding(area=AREA, name="runs", detail=detail, state="note" if failed else "ok")


def _problem(name: str, detail: str, remedy: str) -> Finding:
    return Finding(area=AREA, name=name, detail=detail, state="problem", remedy=remedy)


def _remedy(file: Path | None) -> str:
    if file is None:
        return (
            "See whether the server runs and takes connections, and whether host, port, name and "
            "password in BLIP2_DATABASE_URL are right."
        )
    return (
        "Tables of another version: blip2 db upgrade. A damaged file: blip2 db check says what is "
        "wrong, and a backup takes its place."
    )
