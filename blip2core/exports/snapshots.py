"""From a stored snapshot to a folder of files, and the record of it."""

from dataclasses import asdict
from pathlib import Path

from blip2core.config import ExportConfig
from blip2core.exports import export_pairs
from blip2core.exports.subject import Subject
from blip2core.storage.database import Database
from blip2core.storage.datasets import get_dataset
from blip2core.storage.exporting import fail_export, finish_export, record_export
from blip2core.storage.schema import Snapshot
from blip2core.storage.snapshots import snapshot_pairs


def export_snapshot(
    database: Database,
    *,
    snapshot_id: int,
    format: str,
    folder: Path,
    config: ExportConfig | None = None,
) -> Path:
    """Writes a snapshot into a new folder inside `folder` -> that folder.

    Raises ExportError and ConfigError as `export_pairs` does; the record then says "failed".
    """
    config = config or ExportConfig()
    with database.write() as session:
        snapshot = session.get_one(Snapshot, snapshot_id)
        dataset = get_dataset(session, dataset_id=snapshot.dataset_id)
        export = record_export(
            session, snapshot_id=snapshot_id, format=format, options=asdict(config)
        )
        subject = Subject(
            dataset=dataset.name,
            snapshot=snapshot.name,
            content_sha256=snapshot.content_sha256,
            policy=snapshot.policy,
            guidelines=dataset.guidelines,
        )
    out = folder / f"{snapshot.content_sha256[:12]}-{format}-{export.id}"
    try:
        manifest = export_pairs(
            snapshot_pairs(database, snapshot_id=snapshot_id),
            out,
            format=format,
            subject=subject,
            config=config,
        )
    except BaseException:
        with database.write() as session:
            fail_export(session, export_id=export.id)
        raise
    with database.write() as session:
        finish_export(
            session,
            export_id=export.id,
            manifest_sha256=manifest.sha256,
            pairs=manifest.pairs,
            location=str(out),
        )
    return out
