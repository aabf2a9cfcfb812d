"""Exports that a killed process began are told from those that are being written."""

from datetime import timedelta

import pytest

from blip2core.storage import Database
from blip2core.storage.columns import utc_now
from blip2core.storage.export_records import fail_unfinished_exports, record_export
from blip2core.storage.schema import Export, Snapshot
from tests.storage.world import new_world


@pytest.mark.parametrize(
    ("hours", "stale_after", "status"),
    [
        *[(2, 3600.0, "failed"), (0, 3600.0, "writing"), (0, 0.0, "failed")],
        # By a clock that was ahead, and has been set back since.
        *[(-6, 3600.0, "failed"), (-6, 0.0, "failed"), (-0.5, 3600.0, "writing")],
    ],
)
def test_exports_that_were_left_are_failed(
    database: Database, hours: float, stale_after: float, status: str
) -> None:
    with database.write() as session:
        world = new_world(session)
        snapshot = Snapshot(
            dataset_id=world.dataset_id,
            name="v1",
            policy={},
            last_decision_id=0,
            content_sha256="0" * 64,
            pairs=0,
            created_by=world.ann,
        )
        session.add(snapshot)
        session.flush()
        export = record_export(session, snapshot_id=snapshot.id, format="jsonl")
        export.created_at = utc_now() - timedelta(hours=hours)
    with database.write() as session:
        assert fail_unfinished_exports(session, stale_after=stale_after) == (status == "failed")
    with database.read() as session:
        assert session.get_one(Export, export.id).status == status
