"""One piece of work for one visitor, and whether the visitor still waits for it."""

from __future__ import annotations

import threading
from typing import Any


class CancellableTask:
    """One piece of work at a time: a new one ends the one before. Belongs to one visitor."""

    def __init__(self) -> None:
        self.about = ""
        """Key of the image that the present or latest work is about."""
        self._stop: threading.Event | None = None
        self._lock = threading.Lock()

    def __deepcopy__(self, memo: dict[int, Any]) -> CancellableTask:
        return CancellableTask()  # Gradio copies a state's first value for each visitor

    @property
    def is_running(self) -> bool:
        """Whether there is work that the visitor still waits for."""
        return self._stop is not None and not self._stop.is_set()

    def begin(self, about: str = "") -> threading.Event:
        """Return the event that tells a new piece of work to end."""
        with self._lock:
            self.about = about
            if self._stop is not None:
                self._stop.set()
            self._stop = threading.Event()
            return self._stop

    def stop(self) -> None:
        """Tell the present work to end."""
        with self._lock:
            if self._stop is not None:
                self._stop.set()

    def turn_to(self, about: str) -> bool:
        """Return whether the visitor changed to another image; work about the last one ends."""
        if about and about == self.about:
            return False
        self.stop()
        self.about = ""
        return True

    def end(self, stop: threading.Event) -> None:
        """Note that the piece of work that `begin` gave this event for is over."""
        with self._lock:
            if self._stop is stop:
                self._stop = None
