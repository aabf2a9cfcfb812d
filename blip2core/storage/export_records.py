"""Which exports of a snapshot were written, where, and the hash of their manifest."""

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from blip2core.storage.columns import is_past
from blip2core.storage.schema import Export

EXPORT_STALE_SECONDS = 3600.0
"""Nobody waits so long for an export; it gives no sign of life meanwhile."""


def record_export(
    session: Session,
    *,
    snapshot_id: int,
    format: str,
    options: Mapping[str, Any] | None = None,
    run_id: int | None = None,
) -> Export:
    """Add an export that is being written."""
    export = Export(
        uid=str(uuid.uuid4()),
        snapshot_id=snapshot_id,
        run_id=run_id,
        format=format,
        options=dict(options or {}),
    )
    session.add(export)
    session.flush()
    return export


def finish_export(
    session: Session, *, export_id: int, manifest_sha256: str, pairs: int, location: str
) -> Export:
    """Mark an export as complete, with its folder and the hash of its manifest."""
    export = session.get_one(Export, export_id)
    export.status, export.manifest_sha256 = "complete", manifest_sha256
    export.pairs, export.location = pairs, location
    session.flush()
    return export


def fail_export(session: Session, *, export_id: int) -> None:
    """Mark an export as failed."""
    session.get_one(Export, export_id).status = "failed"
    session.flush()


def fail_unfinished_exports(
    session: Session,
    *,
    stale_after: float = EXPORT_STALE_SECONDS,
    snapshot_id: int | None = None,
) -> int:
    """Mark exports as failed that were begun so many seconds ago and never ended -> how many.

    For a studio that starts: whoever wrote them was killed. `snapshot_id`: only those of it.
    """
    is_left = is_past(Export.created_at, seconds=stale_after)
    unfinished = update(Export).where(Export.status == "writing", is_left)
    if snapshot_id is not None:
        unfinished = unfinished.where(Export.snapshot_id == snapshot_id)
    return session.execute(unfinished.values(status="failed")).rowcount  # type: ignore[attr-defined, no-any-return]
