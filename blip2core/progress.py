"""How far a long job is, for the log: at its start, now and then, and at its end, with counts.

Jobs are named by number and kind, as names of datasets and files come from anyone.
"""

import time
from logging import Logger

from blip2core.texts import count_of

PROGRESS_SECONDS = 30.0
"""Seconds between two lines about a job that goes on."""


class Progress:
    """Counts what a job has done. Safe where one thread counts and others tell."""

    def __init__(self, log: Logger, job: str, noun: str) -> None:
        """Log the start of a `job`, such as "Run 3 (import)", on things called by this noun."""
        self._log, self._job, self._noun = log, job, noun
        self.done = self.failed = 0
        self._began = self._told = time.monotonic()
        self._log.info("%s begins", job)

    def add(self, done: int = 0, failed: int = 0) -> None:
        """Count what was done and what failed since the last call."""
        self.done += done
        self.failed += failed
        self.tell_if_due()

    def tell_if_due(self) -> None:
        """Log the counts where they were not logged for PROGRESS_SECONDS."""
        if time.monotonic() - self._told >= PROGRESS_SECONDS:
            self._told = time.monotonic()
            self._log.info("%s goes on: %s", self._job, self._counts())

    def end(self, outcome: str) -> None:
        """Log how the job ended, such as "done", with its counts."""
        seconds = time.monotonic() - self._began
        self._log.info("%s is %s: %s in %.1f s", self._job, outcome, self._counts(), seconds)

    def _counts(self) -> str:
        return f"{count_of(self.done, self._noun)} done, {self.failed:,} failed"
