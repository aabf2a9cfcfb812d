"""Growing delays for who fails to log in, by address and by name."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

FIRST_SECONDS, LONGEST_SECONDS = 1.0, 900.0
"""The delay after the first failure that is not free, doubled by each further one, and its end."""
FORGOTTEN_SECONDS = 3_600.0
"""After so long without an attempt all failures are forgotten."""
MOST_KEYS = 20_000
"""Addresses and names that are remembered; the longest quiet ones are forgotten first."""


@dataclass(slots=True, kw_only=True)
class _Failures:
    count: int = 0
    latest: float = 0.0
    until: float = 0.0
    """When the next attempt is let through."""


class Throttle:
    """Counts attempts. They are failures until `succeeded` says otherwise, so that those which are
    made at the same time count, too.
    """

    def __init__(self, free: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.free = free
        """Failures without a delay."""
        self._clock = clock
        self._known: OrderedDict[str, _Failures] = OrderedDict()

    def attempt(self, key: str) -> float:
        """Count an attempt and return 0; or return the seconds until the next may be made."""
        now = self._clock()
        found = self._known.get(key)
        if found is None or now - found.latest > max(FORGOTTEN_SECONDS, found.until - found.latest):
            found = _Failures()
        if now < found.until:
            return found.until - now
        found.count, found.latest = found.count + 1, now
        if found.count > self.free:
            doubled = FIRST_SECONDS * 2.0 ** min(found.count - self.free - 1, 30)
            found.until = now + min(doubled, LONGEST_SECONDS)
        self._known[key] = found
        self._known.move_to_end(key)
        if len(self._known) > MOST_KEYS:
            self._known.popitem(last=False)
        return 0.0

    def succeeded(self, key: str, *, forget: bool) -> None:
        """Take back the latest attempt, or `forget` all failures."""
        found = self._known.get(key)
        if found is None:
            return
        found.count -= 1
        if forget or found.count < 1:
            del self._known[key]
        elif found.count <= self.free:
            found.until = 0.0
