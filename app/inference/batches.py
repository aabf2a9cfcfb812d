"""Work on several images, one after the other, in turns that leave the model to others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from threading import Event
from typing import Any, Literal

from app.inference.cancellable import CancellableTask

TURN_SECONDS = 3.0
"""After so long the rest of a batch queues again, behind whoever came meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file as it came from a visitor's browser, not opened yet."""

    path: str
    name: str
    """Name of the file on the visitor's machine. Hostile text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchItem:
    """One image of a batch."""

    upload: Upload
    state: Literal["waiting", "working", "done", "failed", "stopped"] = "waiting"
    thumbnail: str = ""
    """Data address of the image in small, once it is opened."""
    result: Any = None
    problem: str = ""
    """What went wrong, for the visitor."""


class ImageBatch(CancellableTask):
    """The images that one visitor lets a tab work on."""

    def __init__(self) -> None:
        super().__init__()
        self.jobs: tuple[BatchItem, ...] = ()
        self.order: Any = None
        """What is to be done with each."""
        self.run = Event()
        """Set when nobody waits for the rest of the present work any more."""

    def __deepcopy__(self, memo: dict[int, Any]) -> ImageBatch:
        return ImageBatch()

    def start(self, uploads: Sequence[Upload], order: Any) -> None:
        """New work; what was going on ends."""
        run = self.begin()
        with self._lock:
            self.run = run
            self.jobs, self.order = tuple(BatchItem(upload=upload) for upload in uploads), order

    @property
    def done(self) -> int:
        """Images that nothing more will be done with."""
        return sum(job.state not in ("waiting", "working") for job in self.jobs)

    @property
    def is_left(self) -> bool:
        """Whether images are left for another turn."""
        return self.is_running and any(job.state == "waiting" for job in self.jobs)

    def change(self, run: Event, index: int, **changes: Any) -> None:
        """A job of a run goes on; what comes after the run was stopped changes nothing."""
        with self._lock:
            if not run.is_set():
                self._change(index, changes)

    def _change(self, index: int, changes: dict[str, Any]) -> None:
        changed = replace(self.jobs[index], **changes)
        self.jobs = (*self.jobs[:index], changed, *self.jobs[index + 1 :])

    def give_up(self) -> None:
        """What is not finished stays as it is, and is said to be stopped."""
        self.stop()
        with self._lock:
            for index, job in enumerate(self.jobs):
                if job.state in ("waiting", "working"):
                    self._change(index, {"state": "stopped"})


def process_turn(batch: ImageBatch, work: Callable[[Event, int], Iterator[None]]) -> Iterator[None]:
    """Works on the images that wait, `work(run, index)` on each, for one turn.

    Yields whenever there is something to show. A turn ends early where the batch is stopped or
    begun anew; `batch.is_left` says whether another one is needed.
    """
    run, began = batch.run, time.monotonic()
    for index, job in enumerate(batch.jobs):
        if job.state != "waiting":
            continue
        with closing(work(run, index)) as steps:
            for _ in steps:
                if run.is_set():
                    return
                yield
        if batch.is_left and time.monotonic() - began >= TURN_SECONDS:
            return
    batch.end(run)
