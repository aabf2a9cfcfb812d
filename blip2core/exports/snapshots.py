"""From a stored snapshot to a folder of files, and the record of it in the database."""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TypeVar

from sqlalchemy.orm import Session

from blip2core.agreement import agreement
from blip2core.config import ExportConfig
from blip2core.errors import UnavailableError
from blip2core.exports import Manifest, Subject, export_pairs, find_format
from blip2core.progress import Progress
from blip2core.storage import Database
from blip2core.storage.datasets import get_dataset
from blip2core.storage.export_records import fail_export, finish_export, record_export
from blip2core.storage.history import applied_rules, double_verdicts, rejections
from blip2core.storage.schema import Snapshot
from blip2core.storage.snapshots import has_text_origins, snapshot_pairs

Pair = TypeVar("Pair")
_log = logging.getLogger(__name__)


def export_snapshot(
    database: Database,
    *,
    snapshot_id: int,
    format: str,
    folder: Path,
    config: ExportConfig | None = None,
) -> Path:
    """Write a snapshot into a new folder inside `folder`, named by its hash; returns that folder.

    Raises what `write_snapshot` raises.
    """
    with database.read() as session:
        digest = session.get_one(Snapshot, snapshot_id).content_sha256[:12]
    number, out = 1, folder / f"{digest}-{format}"
    while out.exists():
        number += 1
        out = folder / f"{digest}-{format}-{number}"
    write_snapshot(database, snapshot_id=snapshot_id, format=format, out=out, config=config)
    return out


def write_snapshot(
    database: Database,
    *,
    snapshot_id: int,
    format: str,
    out: Path,
    config: ExportConfig | None = None,
    send: Callable[[Path], str] | None = None,
) -> Manifest:
    """Write a snapshot to the new folder `out`, and note it in the database.

    `send` brings the finished folder elsewhere and returns the address to note instead of it; where
    it fails the export has failed.

    Raises ExportError and ConfigError as `export_pairs` does; the note then says that it failed.
    Of a format that there is not, there is no note.
    """
    find_format(format)
    config = config or ExportConfig()
    with database.read() as session:
        subject = snapshot_subject(session, snapshot_id=snapshot_id)
        if not has_text_origins(session, snapshot_id=snapshot_id):
            config = replace(config, text_origins=False)  # one of before is written as it was then
    with database.write() as session:
        export_id = record_export(
            session, snapshot_id=snapshot_id, format=format, options=asdict(config)
        ).id
    progress = Progress(_log, f"Export {export_id} ({format}) of snapshot {snapshot_id}", "pair")
    try:
        pairs = _counted(snapshot_pairs(database, snapshot_id=snapshot_id), progress)
        manifest = export_pairs(pairs, out, format=format, subject=subject, config=config)
        location = str(out.resolve()) if send is None else send(out)
    except BaseException:
        with suppress(UnavailableError), database.write() as session:
            fail_export(session, export_id=export_id)
        progress.end("failed")
        raise
    with database.write() as session:
        finish_export(
            session,
            export_id=export_id,
            manifest_sha256=manifest.sha256,
            pairs=manifest.pairs,
            location=location,
        )
    progress.end("done")
    return manifest


def _counted(pairs: Iterable[Pair], progress: Progress) -> Iterator[Pair]:
    for pair in pairs:
        yield pair
        progress.add(done=1)


def snapshot_subject(session: Session, *, snapshot_id: int) -> Subject:
    """Return what the card says of a snapshot; later decisions change none of it."""
    snapshot = session.get_one(Snapshot, snapshot_id)
    found = agreement(double_verdicts(session, snapshot_id=snapshot_id))
    return Subject(
        dataset=get_dataset(session, dataset_id=snapshot.dataset_id).name,
        snapshot=snapshot.name,
        content_sha256=snapshot.content_sha256,
        policy=snapshot.policy,
        applied=applied_rules(session, snapshot_id=snapshot_id),
        rejected=rejections(session, snapshot_id=snapshot_id),
        agreement="" if found is None else found.sentence(),
    )
