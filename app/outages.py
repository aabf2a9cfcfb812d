"""Wait while the database does not answer: with a growing delay, and two lines in the log."""

from __future__ import annotations

import logging
import time
from threading import Event

log = logging.getLogger(__name__)

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 60.0


class Outage:
    """How long the database has been away, and how long to wait until it is asked again."""

    def __init__(self, end: Event) -> None:
        self._end = end
        """Set where nobody shall wait any more."""
        self._delay = 0.0
        """Seconds of the latest wait; 0 while the database answers."""
        self._since = 0.0

    def wait(self, error: Exception) -> None:
        """Wait 1 second, then 2, 4 and so on, at most 60."""
        if not self._delay:
            self._since = time.monotonic()
            log.warning("Work in the background waits: %s", error)
        self._delay = min(2 * self._delay, LONGEST_SECONDS) if self._delay else FIRST_SECONDS
        self._end.wait(self._delay)

    def over(self) -> None:
        """Note that it was done what could not be done."""
        if self._delay:
            seconds = time.monotonic() - self._since
            log.warning("Work in the background goes on, after %.0f s.", seconds)
            self._delay = 0.0
