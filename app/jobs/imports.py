"""What was uploaded, or lies in a folder, becomes items of a dataset; each import has a run."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from blip2core.config import CaptionConfig
from blip2core.curation import import_images, start_import
from blip2core.curation.jobs import BEAT_SECONDS, Pulse, describe_error
from blip2core.errors import IntakeError, StorageError, UnavailableError
from blip2core.intake import Downloads, NamedFile, Reading, SaidColumns, read, safe_name
from blip2core.records import Problem, Told, WebImage
from blip2core.storage.database import Database
from blip2core.storage.retries import requeue_run
from blip2core.storage.runs import OPEN, claim_run, finish_run, get_run

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
    columns: SaidColumns | None = None
    """What somebody chose, for each kind of table. The columns of others are guessed."""
    then: CaptionConfig | None = None
    """How captions are written afterwards, before all texts are scored; None: neither is done."""
    clean_up: Path | None = None
    """Folder of copies to be removed afterwards."""


class RecordedImport:
    """One import with its run, which is there before the import begins, and stays where the
    import begins again because the database did not answer in the middle.
    """

    def __init__(self, job: Import, download: Downloads | None, database: Database) -> None:
        """Note that the import waits. Raises StorageError where that cannot be stored."""
        self.job = job
        self._download = download
        self._run_id = start_import(
            database, dataset=job.dataset, label=job.label, started_by=job.annotator_id
        )
        self._is_whole: bool | None = None
        """Whether nobody stopped it; None before its end."""
        self._wait = ExitStack()
        if not database.is_alone:  # a studio that starts would take it for one that was killed
            pulse = Pulse(database, self._run_id, threading.Event(), BEAT_SECONDS)
            self._wait.enter_context(pulse)

    def work(self, database: Database, end: threading.Event, left_at: datetime | None) -> bool:
        """Import, unless that was done, and remove the copies; return whether captions follow.

        `left_at` is when an earlier try was left. Raises UnavailableError where the database does
        not answer, the copies are then still there; StorageError once `end` is set.
        """
        self._wait.close()
        try:
            if self._is_whole is None:
                self._is_whole = self._import(database, end, left_at)
        except UnavailableError:
            raise
        except Exception as error:
            self.give_up(database, describe_error(error))
            raise
        self._remove_copies()
        return self._is_whole and self.job.then is not None

    def give_up(self, database: Database, reason: str = IMPORT_STOPPED) -> None:
        """Remove the copies, and note that the import has failed, unless it has ended already."""
        self._wait.close()
        self._remove_copies()
        with suppress(StorageError), database.write() as session:  # else the next start does it
            if get_run(session, run_id=self._run_id).status in OPEN:
                finish_run(session, run_id=self._run_id, status="failed", error=reason)

    def _import(self, database: Database, end: threading.Event, left_at: datetime | None) -> bool:
        """Return whether nobody has stopped it."""
        job = self.job
        with database.write() as session:
            run = get_run(session, run_id=self._run_id)
            if left_at is not None:
                run = requeue_run(session, run_id=self._run_id, ended_at=left_at)
        if run.status == "cancelled":
            return False
        stop = threading.Event()
        reading = Reading()
        steps = import_images(
            database,
            dataset=job.dataset,
            inputs=_found(job, self._download, reading),
            stop=stop,
            run_id=self._run_id,
            reading=reading,
        )
        with closing(steps):
            for _ in steps:
                if end.is_set():
                    steps.throw(StorageError(IMPORT_STOPPED))
        return not stop.is_set()

    def _remove_copies(self) -> None:
        if self.job.clean_up is not None:
            shutil.rmtree(self.job.clean_up, ignore_errors=True)


def _found(job: Import, download: Downloads | None, reading: Reading) -> Iterator[WebImage | Told]:
    """Yield what can be read of a source; one that cannot be opened becomes a Problem."""
    source = job.sources[0] if len(job.sources) == 1 else list(job.sources)
    try:
        yield from read(source, columns=job.columns, download=download, reading=reading)
    except IntakeError as error:
        yield Problem(name=job.label, reason=str(error))


def keep_upload(folder: Path, number: int, name: str, content: BinaryIO) -> NamedFile:
    """Copy an uploaded file to disk, under a name of ours; return where it is."""
    path = folder / f"{number:06}"
    with path.open("xb") as file:
        shutil.copyfileobj(content, file)
    return NamedFile(safe_name(name), path)


def close_killed_imports(database: Database, stale_after: float) -> None:
    """Fail imports without a sign of life for `stale_after` seconds: their files may be gone.

    Importing the same again adds what is missing.
    """
    while True:
        with database.write() as session:
            # Also of one that waits in another studio there are signs of life.
            run = claim_run(
                session, kinds=("import",), stale_after=stale_after, queued_for=stale_after
            )
            if run is None:
                return
            finish_run(session, run_id=run.id, status="failed", error=IMPORT_STOPPED)
