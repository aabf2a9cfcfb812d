"""The background thread: it does what waits in its queue, and what waits in the database."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from app.incoming import Incoming
from app.inference.engine import Engine
from app.jobs.imports import Import, RecordedImport, close_killed_imports
from app.jobs.model_runs import ModelRuns
from app.outages import Outage
from app.settings import AppSettings
from blip2core.config import CaptionConfig, ExportConfig
from blip2core.errors import Blip2Error, StorageError, UnavailableError
from blip2core.exports.output import zip_folder
from blip2core.exports.snapshots import export_snapshot
from blip2core.intake import Downloads
from blip2core.storage.columns import utc_now
from blip2core.storage.database import Database
from blip2core.storage.export_records import (
    EXPORT_STALE_SECONDS,
    fail_export,
    fail_unfinished_exports,
    record_export,
)
from blip2core.storage.freezing import UNFINISHED_STALE_SECONDS, drop_unfinished_snapshots
from blip2core.storage.runs import RUN_STALE_SECONDS
from blip2core.storage.takedown import finish_takedowns

log = logging.getLogger(__name__)

IDLE_SECONDS = 1.0
"""Seconds until a run that somebody resumed is noticed, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportJob:
    """An export of a snapshot into files of one format."""

    snapshot_id: int
    format: str
    annotator_id: int
    embed_texts: bool = False
    """Write the texts into the copies of the images too."""


@dataclass(slots=True)
class _UnderWay:
    """An import or export that was begun."""

    job: RecordedImport | ExportJob
    left_at: datetime | None = None
    """When the database did not answer; None where that has not happened."""


class Jobs:
    """One thread that works through imports and exports, and through the runs of the database."""

    def __init__(self, database: Database, engine: Engine, settings: AppSettings) -> None:
        self._database, self._settings = database, settings
        self._waiting: queue.SimpleQueue[RecordedImport | ExportJob] = queue.SimpleQueue()
        self._incoming = Incoming(database.images.root.parent / "incoming")
        self._end = threading.Event()
        self._under_way: _UnderWay | None = None
        """The import or export to begin again, since the database did not answer in the middle."""
        self._outage = Outage(self._end)
        self.model_runs = ModelRuns(database, engine, self._end, model=settings.model)
        self._thread = threading.Thread(target=self._work, name="jobs", daemon=True)

    def start(self) -> None:
        """Start the thread; runs that were killed with an earlier process go on.

        Where other processes may write too, runs with a recent heartbeat are left to them.
        """
        self._incoming.open()  # removes the copies of imports that were killed
        alone = self._database.is_alone
        close_killed_imports(self._database, 0.0 if alone else RUN_STALE_SECONDS)
        with self._database.write() as session:
            fail_unfinished_exports(session, stale_after=0.0 if alone else EXPORT_STALE_SECONDS)
        drop_unfinished_snapshots(
            self._database, stale_after=0.0 if alone else UNFINISHED_STALE_SECONDS
        )
        with suppress(StorageError):  # a file that cannot be deleted: the next takedown says so
            finish_takedowns(self._database)
        self._thread.start()

    def close(self) -> None:
        """Return when the batch under way is done: its run goes on after the next start. Imports,
        also those that wait, have failed, as their files are removed; so have exports.
        """
        self._end.set()
        self._thread.join()
        self._give_up_waiting()
        self._incoming.close()

    def add(self, job: Import | ExportJob) -> None:
        """Put a job into the queue; an import is then in the list of runs. Raises StorageError."""
        if isinstance(job, Import):
            download = Downloads() if job.downloads and self._settings.downloads else None
            self._waiting.put(RecordedImport(job, download, self._database))
            log.info("An import waits")
        else:
            self._waiting.put(job)
            log.info("An export waits")

    def new_folder(self) -> Path:
        """Return an empty folder for uploaded files, beside the images and served to nobody."""
        return self._incoming.new_folder()

    def capfilt(self, dataset: str, captions: CaptionConfig | None, annotator_id: int) -> None:
        """Queue a run that captions and scores a dataset; without `captions` it only scores."""
        start = partial(self.model_runs.start_capfilt, dataset, captions, annotator_id)
        threading.Thread(target=self._patiently, args=(start,), daemon=True).start()

    def _work(self) -> None:
        while not self._end.is_set():
            try:
                if not self._do_waiting(IDLE_SECONDS):
                    # Nobody waits hours for an export, or to see an import begin.
                    _safely(partial(self.model_runs.work_on_next, self._do_waiting))
                self._outage.over()
            except UnavailableError as error:
                if not self._end.is_set():
                    self._outage.wait(error)
        with suppress(StorageError):  # else it goes on like one that was killed
            self.model_runs.put_back()

    def _do_waiting(self, seconds: float = 0) -> bool:
        """Do the next import or export, if one comes within `seconds`; return whether one did.

        Raises UnavailableError where the database does not answer: the job is then the next again.
        """
        if self._under_way is None:
            try:
                self._under_way = _UnderWay(self._waiting.get(timeout=seconds))
            except queue.Empty:
                return False
        job, left_at = self._under_way.job, self._under_way.left_at
        try:
            if isinstance(job, ExportJob):
                _safely(partial(self._export, job, left_at))
            else:
                _safely(partial(self._import, job, left_at))
        except UnavailableError:
            self._under_way.left_at = utc_now()
            raise
        self._under_way = None
        return True

    def _export(self, job: ExportJob, left_at: datetime | None) -> None:
        if left_at is not None:  # its record says that it is being written
            with self._database.write() as session:
                fail_unfinished_exports(session, stale_after=0, snapshot_id=job.snapshot_id)
        folder = self._database.images.root.parent / "exports"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        out = export_snapshot(
            self._database,
            snapshot_id=job.snapshot_id,
            format=job.format,
            folder=folder,
            config=ExportConfig(embed_texts=job.embed_texts),
        )
        zip_folder(out)

    def _import(self, recorded: RecordedImport, left_at: datetime | None) -> None:
        if recorded.work(self._database, self._end, left_at):
            job = recorded.job
            self.model_runs.start_capfilt(job.dataset, job.then, job.annotator_id)

    def _give_up_waiting(self) -> None:
        """Leave a record of what will not be done any more."""
        jobs = [] if self._under_way is None else [self._under_way.job]
        with suppress(queue.Empty):
            while True:
                jobs.append(self._waiting.get_nowait())
        for job in jobs:
            if isinstance(job, RecordedImport):
                job.give_up(self._database)
            elif self._under_way is None or job is not self._under_way.job:  # which has a record
                with suppress(StorageError), self._database.write() as session:
                    export = record_export(session, snapshot_id=job.snapshot_id, format=job.format)
                    fail_export(session, export_id=export.id)

    def _patiently(self, job: Callable[[], object]) -> None:
        """Do a job outside the queue, again while the database does not answer."""
        outage = Outage(self._end)
        while not self._end.is_set():
            try:
                _safely(job)
                outage.over()
                return
            except UnavailableError as error:
                outage.wait(error)


def _safely(job: Callable[[], object]) -> None:
    """Do a job; log an error, so that one job that fails does not end the others.

    Raises UnavailableError alone: the job may succeed later.
    """
    try:
        job()
    except UnavailableError:
        raise
    except Exception as error:
        log.error("A job failed: %s", error, exc_info=not isinstance(error, Blip2Error))
