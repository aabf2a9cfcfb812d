"""What tests of the background thread do and look at."""

import io
import time
from collections.abc import Callable
from datetime import datetime

from PIL import Image
from sqlalchemy import select

from app.jobs import Jobs
from blip2core.intake import NamedFile
from blip2core.storage.database import Database
from blip2core.storage.export_records import record_export
from blip2core.storage.freezing import create_snapshot
from blip2core.storage.people import get_or_create_annotator
from blip2core.storage.runs import (
    NewRun,
    create_run,
    get_run,
    start_run,
)
from blip2core.storage.schema import Run
from blip2core.storage.snapshot_selection import SnapshotPolicy
from tests.app.sample_dataset import accept_first
from tests.fakes import FakeGenerator, fake_services

PATIENCE = 20.0


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)


def status(database: Database, run_id: int) -> str:
    with database.read() as session:
        return get_run(session, run_id=run_id).status


def run_of(database: Database, label: str) -> Run | None:
    """The import that has this label."""
    with database.read() as session:
        found = session.scalars(select(Run).where(Run.kind == "import").order_by(Run.id.desc()))
        return next((run for run in found if run.parameters.get("input") == label), None)


def heartbeat_of(database: Database, run_id: int) -> datetime:
    with database.read() as session:
        return get_run(session, run_id=run_id).heartbeat_at


def image(number: int) -> NamedFile:
    buffer = io.BytesIO()
    Image.new("RGB", (20, 20), (number, 0, 0)).save(buffer, "PNG")
    return NamedFile(f"{number}.png", buffer.getvalue())


def long_run(database: Database) -> int:
    with database.write() as session:
        new = NewRun(kind="score", code_version="test", dataset_id=1, model="m", revision="0" * 40)
        return create_run(session, new).id


def begin_import_and_export(database: Database) -> tuple[int, int]:
    """Both under way; numbers of the run and of the export."""
    accept_first(database)
    with database.write() as session:
        person = get_or_create_annotator(session, handle="ada").id
    snapshot = create_snapshot(
        database, dataset_id=1, name="v1", policy=SnapshotPolicy(), created_by=person
    )
    with database.write() as session:
        export = record_export(session, snapshot_id=snapshot.id, format="csv")
        run = create_run(session, NewRun(kind="import", code_version="test", dataset_id=1))
        start_run(session, run_id=run.id)
        return run.id, export.id


def start_and_close(database: Database) -> None:
    plain = fake_services(FakeGenerator())
    jobs = Jobs(database, plain.engine, plain.settings)
    jobs.start()
    jobs.close()
