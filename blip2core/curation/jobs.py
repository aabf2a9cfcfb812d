"""A run with its heartbeat, and how it ends when it is stopped, fails or is done."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from threading import Event, Thread
from typing import Literal

from blip2core.errors import Blip2Error, UnavailableError
from blip2core.progress import Progress
from blip2core.storage import Database
from blip2core.storage.runs import finish_run, heartbeat, refuse_alive, start_run

BEAT_SECONDS = 10.0
"""Seconds between two heartbeats; also the longest delay of a request to pause or cancel."""
_log = logging.getLogger(__name__)
Request = Literal["", "pause", "cancel"]
Status = Literal["done", "failed", "cancelled", "paused"]


class Pulse:
    """Writes the heartbeat of a run, and reads requests to pause or cancel it."""

    def __init__(
        self,
        database: Database,
        run_id: int,
        stop: Event,
        seconds: float,
        progress: Progress | None = None,
    ) -> None:
        self.database, self.run_id, self.stop = database, run_id, stop
        self.progress = progress
        """What the log is told; None: nothing."""
        self.asked: Request = ""
        self._end = Event()
        self._thread = Thread(target=self._beat, args=(seconds,), daemon=True, name="pulse")

    def hear(self, request: Request) -> None:
        """Remember a request to pause or cancel, and set `stop`."""
        if request:
            self.asked = request
            self.stop.set()

    def count(self, done: int, failed: int) -> None:
        """Count items for the log."""
        if self.progress is not None:
            self.progress.add(done, failed)

    def _beat(self, seconds: float) -> None:
        while not self._end.wait(seconds):
            if self.progress is not None:
                self.progress.tell_if_due()
            try:
                with self.database.write() as session:
                    self.hear(heartbeat(session, run_id=self.run_id))
            except Blip2Error:  # busy: the next beat will do, or the work itself will fail
                continue

    def __enter__(self) -> "Pulse":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()


@contextmanager
def running(
    database: Database,
    run_id: int,
    stop: Event,
    *,
    seconds: float = BEAT_SECONDS,
    claimed: bool = False,
) -> Iterator[Pulse]:
    """Mark a run as running during the block, and with its outcome after it.

    done; cancelled or paused where somebody asked for it; paused where `stop` was set or the block
    was left early; failed, with the error, where it raised. A run that is killed stays "running",
    without signs of life. So does one that the caller `claimed` when the database does not answer:
    nothing is wrong with it, and the caller lets it go on. Others are then paused, if they can be.

    Raises StorageError where another process does this run, unless the caller `claimed` it.
    """
    with database.write() as session:
        if not claimed and not database.is_alone:
            refuse_alive(session, run_id=run_id)
        kind = start_run(session, run_id=run_id).kind
    progress = Progress(_log, f"Run {run_id} ({kind})", "item")
    status: Status | None = "failed"
    told: str | None = None
    try:
        with Pulse(database, run_id, stop, seconds, progress) as pulse:
            yield pulse
        status = "done"
        if stop.is_set():
            status = "cancelled" if pulse.asked == "cancel" else "paused"
    except (GeneratorExit, KeyboardInterrupt):
        status = "paused"
        raise
    except UnavailableError:
        status = None
        with suppress(UnavailableError):
            if not claimed:
                _finish(database, run_id, "paused")
        raise
    except Exception as error:
        told = describe_error(error)
        raise
    finally:
        if status is not None:
            _finish(database, run_id, status, told)
        progress.end(status or "left")


def _finish(database: Database, run_id: int, status: Status, error: str | None = None) -> None:
    with database.write() as session:
        finish_run(session, run_id=run_id, status=status, error=error)


def describe_error(error: Exception) -> str:
    """Return what the record of a run says of an error; one that nobody expected with its type."""
    return str(error) if isinstance(error, Blip2Error) else f"{type(error).__name__}: {error}"


def code_version() -> str:
    """Return the version of this project, for the record of a run."""
    try:
        return f"blip2-studio {version('blip2-studio')}"
    except PackageNotFoundError:  # run from its folder, not installed
        return "blip2-studio"
