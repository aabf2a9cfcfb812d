"""Work on several images, one after the other, in time slices that leave the model to others."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from threading import Event, Lock
from typing import Any, Generic, Literal, TypeVar

from app.inference.cancellable import CancellableTask

BatchRequest = TypeVar("BatchRequest")
ItemResult = TypeVar("ItemResult")

SLICE_SECONDS = 3.0
"""After so long the rest of a batch queues again, behind whoever came meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchItem(Generic[ItemResult]):
    """One image of a batch."""

    name: str
    """Name of its file on the visitor's machine. Hostile text."""
    state: Literal["waiting", "working", "done", "failed", "stopped"] = "waiting"
    thumbnail: str = ""
    """Data address of the image in small, once it is opened."""
    result: ItemResult | None = None
    problem: str = ""
    """What went wrong, for the visitor."""


class ImageBatch(Generic[BatchRequest, ItemResult]):
    """The images that a tab works on for one visitor, and how far it is with each."""

    def __init__(self) -> None:
        self.items: tuple[BatchItem[ItemResult], ...] = ()
        self.stop = Event()
        """Set to stop the work under way."""
        self.began = 0.0
        """When its work began, as `time.monotonic` counts."""
        self._task = CancellableTask()
        self._request: BatchRequest | None = None
        self._lock = Lock()

    def __deepcopy__(self, memo: dict[int, Any]) -> ImageBatch[BatchRequest, ItemResult]:
        return ImageBatch()  # Gradio copies a state's first value for each visitor

    @property
    def request(self) -> BatchRequest:
        """What is to be done with each image. Raises RuntimeError before `start`."""
        if self._request is None:
            raise RuntimeError("The batch was not started.")
        return self._request

    def start(self, names: Iterable[str], request: BatchRequest) -> None:
        """Begin new work on images with these names; the work before it ends."""
        stop = self._task.begin()
        with self._lock:
            self.stop, self._request, self.began = stop, request, time.monotonic()
            self.items = tuple(BatchItem(name=name) for name in names)

    def resume(self) -> None:
        """Let another page go on with work under way; what works on it for the first page ends."""
        if not self.is_running:
            return
        stop = self._task.begin()
        with self._lock:
            self.stop = stop
            for index, item in enumerate(self.items):
                if item.state == "working":
                    self._change(index, {"state": "waiting"})

    @property
    def done(self) -> int:
        """Number of images that are finished, failed or stopped."""
        return sum(item.state not in ("waiting", "working") for item in self.items)

    @property
    def is_running(self) -> bool:
        """Whether there is work that the visitor still waits for."""
        return self._task.is_running

    @property
    def is_left(self) -> bool:
        """Whether images are left for another slice."""
        return self.is_running and any(item.state == "waiting" for item in self.items)

    def change(self, stop: Event, index: int, **changes: Any) -> None:
        """Change fields of one item; nothing changes once its work was stopped."""
        with self._lock:
            if not stop.is_set():
                self._change(index, changes)

    def set_result(self, index: int, result: ItemResult) -> None:
        """Replace the result of one item, also after the work has ended."""
        with self._lock:
            self._change(index, {"result": result})

    def _change(self, index: int, changes: dict[str, Any]) -> None:
        changed = replace(self.items[index], **changes)
        self.items = (*self.items[:index], changed, *self.items[index + 1 :])

    def end(self, stop: Event) -> None:
        """Note that the work that is stopped by this event is over."""
        self._task.end(stop)

    def give_up(self) -> None:
        """Stop the work; images that are not finished get the state "stopped"."""
        self._task.stop()
        with self._lock:
            for index, item in enumerate(self.items):
                if item.state in ("waiting", "working"):
                    self._change(index, {"state": "stopped"})


def process_slice(
    batch: ImageBatch[BatchRequest, ItemResult],
    work: Callable[[Event, int], Generator[None, None, None]],
    *,
    longest: float = math.inf,
) -> Generator[None, None, None]:
    """Work on the waiting images for one time slice: `work(stop, index)` on each.

    Yields whenever there is something to show. A slice ends early where the batch is stopped or
    started anew; `batch.is_left` says whether another one is needed. Images that still wait
    `longest` minutes after the batch began are left out.
    """
    stop, began = batch.stop, time.monotonic()
    for index, item in enumerate(batch.items):
        if item.state != "waiting":
            continue
        if time.monotonic() - batch.began > 60 * longest:
            problem = f"Left out: work of more than {longest:g} minutes ends here."
            batch.change(stop, index, state="failed", problem=problem)
            continue
        with closing(work(stop, index)) as steps:
            for _ in steps:
                if stop.is_set():
                    return
                yield
        if batch.is_left and time.monotonic() - began >= SLICE_SECONDS:
            return
    batch.end(stop)
