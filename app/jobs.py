"""The background thread: imports, exports, captioning and filtering, one job after the other."""

from __future__ import annotations

import logging
import queue
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from app.incoming import Incoming
from app.inference.engine import Engine
from app.inference.pool import import_model_code, wait_until_loaded
from app.outages import Outage
from app.settings import AppSettings
from blip2core.config import CaptionConfig, DecodeConfig
from blip2core.curation import import_images, start_import
from blip2core.curation.jobs import BEAT_SECONDS, Pulse, describe_error
from blip2core.curation.pairs import BY_HAND
from blip2core.errors import Blip2Error, IntakeError, StorageError, UnavailableError
from blip2core.exports.output import zip_folder
from blip2core.exports.snapshots import export_snapshot
from blip2core.intake import Downloads, NamedFile, read, safe_name
from blip2core.records import Problem, WebImage
from blip2core.storage.columns import utc_now
from blip2core.storage.database import Database
from blip2core.storage.datasets import find_dataset
from blip2core.storage.export_records import EXPORT_STALE_SECONDS, fail_unfinished_exports
from blip2core.storage.freezing import UNFINISHED_STALE_SECONDS, drop_unfinished_snapshots
from blip2core.storage.retries import requeue_run
from blip2core.storage.runs import (
    RUN_STALE_SECONDS,
    claim_run,
    finish_run,
    get_run,
    resume_run,
)
from blip2core.storage.schema import Run
from blip2core.storage.store_id import check_store
from blip2core.storage.takedown import finish_takedowns

if TYPE_CHECKING:
    from blip2core.capfilt import CapFilt

log = logging.getLogger(__name__)

IDLE_SECONDS = 1.0
"""Seconds until a run that somebody resumed is noticed, at most."""
MODEL_KINDS = ("capfilt", "score")
STOPPED = "The studio is being stopped."
IMPORT_STOPPED = "The studio was stopped meanwhile: import it again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """An import into a dataset, and what follows it."""

    dataset: str
    sources: Sequence[NamedFile | Path]
    label: str
    """Its name in the list of runs."""
    annotator_id: int | None = None
    downloads: bool = False
    then: CaptionConfig | None = None
    """How captions are written afterwards, before all texts are scored; None: neither is done."""
    clean_up: Path | None = None
    """Folder of copies to be removed afterwards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportJob:
    """An export of a snapshot into files of one format."""

    snapshot_id: int
    format: str
    annotator_id: int


@dataclass(slots=True)
class _Begun:
    """An import or export under way."""

    job: Import | ExportJob
    run_id: int | None = None
    """The run of an import, which it keeps when it is begun again."""
    left_at: datetime | None = None
    """When the database did not answer; None where that has not happened."""


class Jobs:
    """One thread that works through imports and through the runs that wait in the database."""

    def __init__(self, database: Database, engine: Engine, settings: AppSettings) -> None:
        self._database, self._engine, self._settings = database, engine, settings
        self._waiting: queue.SimpleQueue[Import | ExportJob] = queue.SimpleQueue()
        self._incoming = Incoming(database.images.root.parent / "incoming")
        self._end = threading.Event()
        self._begun: _Begun | None = None
        """The import or export to begin again, since the database did not answer in the middle."""
        self._left: tuple[int, datetime] | None = None
        """The run that was left for the same reason, and when."""
        self._outage = Outage(self._end)
        self._thread = threading.Thread(target=self._work, name="jobs", daemon=True)

    def start(self) -> None:
        """Start the thread; runs that were killed with an earlier process go on.

        Where other processes may write too, runs with a recent heartbeat are left to them.
        """
        self._incoming.open()  # removes the copies of imports that were killed
        alone = self._database.is_alone
        self._close_killed_imports(0.0 if alone else RUN_STALE_SECONDS)
        with self._database.write() as session:
            fail_unfinished_exports(session, stale_after=0.0 if alone else EXPORT_STALE_SECONDS)
        drop_unfinished_snapshots(
            self._database, stale_after=0.0 if alone else UNFINISHED_STALE_SECONDS
        )
        with suppress(StorageError):  # a file that cannot be deleted: the next takedown says so
            finish_takedowns(self._database)
        self._thread.start()

    def close(self) -> None:
        """Return when the batch under way is done: its run goes on after the next start, an import
        has failed, as its files are removed.
        """
        self._end.set()
        self._thread.join()
        self._incoming.close()

    def add(self, job: Import | ExportJob) -> None:
        """Put a job into the queue."""
        log.info("An import waits" if isinstance(job, Import) else "An export waits")
        self._waiting.put(job)

    def new_folder(self) -> Path:
        """Return an empty folder for uploaded files, beside the images and served to nobody."""
        return self._incoming.new_folder()

    def _work(self) -> None:
        while not self._end.is_set():
            try:
                if not self._do_waiting(IDLE_SECONDS):
                    _safely(self._run_next)
                self._outage.over()
            except UnavailableError as error:
                if not self._end.is_set():
                    self._outage.wait(error)
        with suppress(StorageError):  # else it goes on like one that was killed
            self._let_go_on()

    def _do_waiting(self, seconds: float = 0) -> bool:
        """Do the next import or export, if one comes within `seconds`; return whether one did.

        Raises UnavailableError where the database does not answer: the job is then the next again.
        """
        if self._begun is None:
            try:
                self._begun = _Begun(self._waiting.get(timeout=seconds))
            except queue.Empty:
                return False
        begun = self._begun
        try:
            if isinstance(begun.job, ExportJob):
                _safely(partial(self._export, begun.job, begun))
            else:
                _safely(partial(self._import, begun.job, begun))
        except UnavailableError:
            begun.left_at = utc_now()
            raise
        self._begun = None
        return True

    def _export(self, job: ExportJob, begun: _Begun) -> None:
        if begun.left_at is not None:  # its record says that it is being written
            with self._database.write() as session:
                fail_unfinished_exports(session, stale_after=0, snapshot_id=job.snapshot_id)
        folder = self._database.images.root.parent / "exports"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        out = export_snapshot(
            self._database, snapshot_id=job.snapshot_id, format=job.format, folder=folder
        )
        zip_folder(out)

    def _import(self, job: Import, begun: _Begun) -> None:
        """Import, and remove the copies afterwards, unless the import is to be begun again."""
        try:
            self._import_images(job, begun)
        except UnavailableError:
            raise
        except BaseException:
            _remove(job.clean_up)
            raise
        _remove(job.clean_up)

    def _import_images(self, job: Import, begun: _Begun) -> None:
        download = Downloads() if job.downloads and self._settings.downloads else None
        source = job.sources[0] if len(job.sources) == 1 else list(job.sources)
        begun.run_id = begun.run_id or start_import(
            self._database, dataset=job.dataset, label=job.label, started_by=job.annotator_id
        )
        if begun.left_at is not None:
            with self._database.write() as session:
                run = requeue_run(session, run_id=begun.run_id, ended_at=begun.left_at)
            if run.status == "cancelled":
                return
        stop = threading.Event()
        steps = import_images(
            self._database,
            dataset=job.dataset,
            inputs=_found(source, job.label, download),
            stop=stop,
            run_id=begun.run_id,
        )
        with closing(steps):
            for _ in steps:
                if self._end.is_set():
                    steps.throw(StorageError(IMPORT_STOPPED))
        if job.then is not None and not stop.is_set():
            self._start_capfilt(job.dataset, job.then, job.annotator_id)

    def capfilt(self, dataset: str, captions: CaptionConfig | None, annotator_id: int) -> None:
        """Queue a run that captions and scores a dataset; without `captions` it only scores."""
        start = partial(self._start_capfilt, dataset, captions, annotator_id)
        threading.Thread(target=self._patiently, args=(start,), daemon=True).start()

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

    def _start_capfilt(
        self, dataset: str, captions: CaptionConfig | None, annotator_id: int | None
    ) -> None:
        """Put the run into the database; `_run_next` claims it."""
        with self._database.read() as session:
            dataset_id = find_dataset(session, name=dataset).id
        models = self._models(self._settings.model, captions)
        from blip2core.curation import start_capfilt  # after the models, whose code it imports

        run_id = start_capfilt(
            self._database, dataset_id=dataset_id, models=models, started_by=annotator_id
        )
        self._queue(run_id)

    def _queue(self, run_id: int) -> None:
        with self._database.write() as session:
            run = get_run(session, run_id=run_id)
            if run.status == "done":  # items have come in since
                run.status = "queued"
            elif run.status != "queued":
                resume_run(session, run_id=run_id)

    def _run_next(self) -> None:
        self._let_go_on()
        self._wait_for_images()
        with self._database.write() as session:
            run = claim_run(session, kinds=MODEL_KINDS)
        if run is None:
            return
        try:
            if BY_HAND.items() <= run.parameters.items():
                self._refuse(run)
                return
            self._work_on(run, self._models_for(run))
        except UnavailableError:
            self._left = run.id, utc_now()
            raise

    def _wait_for_images(self) -> None:
        """Raise UnavailableError where the image store is not there: another studio may have it, so
        no run is claimed.
        """
        with self._database.read() as session:
            try:
                check_store(session, self._database.images)
            except UnavailableError:
                raise
            except StorageError as error:
                raise UnavailableError(str(error)) from error

    def _let_go_on(self) -> None:
        """Put the run back into the queue that the database made this thread leave."""
        if self._left is not None:
            run_id, ended_at = self._left
            with self._database.write() as session:
                requeue_run(session, run_id=run_id, ended_at=ended_at)
            self._left = None

    def _models_for(self, run: Run) -> CapFilt:
        """Wait for the models of a run, which shows signs of life meanwhile.

        Where they cannot be had, the run has failed.
        """
        try:
            with Pulse(self._database, run.id, threading.Event(), BEAT_SECONDS):
                return self._models_of(run)
        except UnavailableError:
            raise
        except Exception as error:
            self._fail(run, describe_error(error))
            raise

    def _work_on(self, run: Run, models: CapFilt) -> None:
        """Work on a run until it ends. Raises UnavailableError at the end of this process."""
        from blip2core.curation import work  # after the models, whose code it imports

        stop = threading.Event()
        with closing(work(self._database, run.id, models, stop=stop, claimed=True)) as steps:
            while True:
                if self._end.is_set():
                    steps.throw(UnavailableError(STOPPED))
                # The engine is free after each batch: a visitor's question comes in between.
                with self._engine.turn():
                    if next(steps, None) is None:
                        return
                # Nobody waits hours for an export, or to see an import begin. Where the database
                # does not answer, the next batch says so, too.
                with suppress(UnavailableError):
                    self._do_waiting()

    def _refuse(self, run: Run) -> None:
        """Fail a run of pairs stored by hand: to go on would caption the whole dataset."""
        self._fail(run, "It was kept from the workbench: keep the pairs there again.")

    def _fail(self, run: Run, error: str) -> None:
        with self._database.write() as session:
            finish_run(session, run_id=run.id, status="failed", error=error)

    def _models_of(self, run: Run) -> CapFilt:
        captions = None
        if run.kind == "capfilt":
            settings: dict[str, Any] = dict(run.parameters["captions"])
            decode = DecodeConfig(**settings.pop("decode"))
            captions = CaptionConfig(decode=decode, **settings)
        return self._models(run.parameters.get("captioner", self._settings.model), captions)

    def _models(self, name: str, captions: CaptionConfig | None) -> CapFilt:
        import_model_code()
        from blip2core.capfilt import CapFilt

        pair = self._engine.pair(name)
        needed: list[Future[Any]] = [pair.loading_matcher()]
        if captions is not None:
            needed.append(pair.loading)
        for _ in wait_until_loaded(*needed):
            if self._end.is_set():
                raise UnavailableError(STOPPED)
        if captions is None:
            return CapFilt(matcher=pair.matcher)
        return CapFilt(matcher=pair.matcher, generator=pair.generator, captions=captions)

    def _close_killed_imports(self, stale_after: float) -> None:
        """Fail imports of an earlier process: the files they read may be gone.

        Importing the same again adds what is missing.
        """
        while True:
            with self._database.write() as session:
                # One that another studio has just put down has no sign of life yet.
                run = claim_run(
                    session, kinds=("import",), stale_after=stale_after, queued_for=stale_after
                )
                if run is None:
                    return
                finish_run(session, run_id=run.id, status="failed", error=IMPORT_STOPPED)


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


def _remove(folder: Path | None) -> None:
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def _found(
    source: NamedFile | Path | Sequence[NamedFile | Path], label: str, download: Downloads | None
) -> Iterator[WebImage | Problem]:
    """Yield what can be read of a source; one that cannot be opened becomes a Problem."""
    try:
        yield from read(source, download=download)
    except IntakeError as error:
        yield Problem(name=label, reason=str(error))


def keep_upload(folder: Path, number: int, name: str, content: BinaryIO) -> NamedFile:
    """Copy an uploaded file to disk, under a name of ours; return where it is."""
    path = folder / f"{number:06}"
    with path.open("xb") as file:
        shutil.copyfileobj(content, file)
    return NamedFile(safe_name(name), path)
