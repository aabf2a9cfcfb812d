"""The pairs of visitors, for a reload of their page: Gradio forgets what a page held with it."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

from app.inference.capfilt_tasks import CapFiltSession

MOST_SESSIONS = 50
MOST_BYTES = 400_000_000
"""Size of all images of all sessions together."""


class RememberedPairs:
    """Sessions by visitor and secret, within bounds: the longest unused are forgotten first.

    A session is found only with the secret that its own page holds, by who made it.
    """

    def __init__(self) -> None:
        self._sessions: OrderedDict[tuple[str, str], CapFiltSession] = OrderedDict()
        self._lock = Lock()

    def remember(self, visitor: str, pairs: CapFiltSession) -> None:
        """Remember a session that has images; `visitor` is the name of who made it, empty where
        nobody logs in.
        """
        with self._lock:
            if not (pairs.given or pairs.batch.items):  # a visit that pushes out nobody else's
                self._sessions.pop((visitor, pairs.token), None)
                return
            self._sessions[visitor, pairs.token] = pairs
            self._sessions.move_to_end((visitor, pairs.token))
            while self._sessions and (
                len(self._sessions) > MOST_SESSIONS
                or sum(one.size for one in self._sessions.values()) > MOST_BYTES
            ):
                self._sessions.popitem(last=False)

    def recall(self, visitor: str, token: str) -> CapFiltSession | None:
        """Return the session; None where there is none, or none any more."""
        with self._lock:
            found = self._sessions.get((visitor, token))
            if found is not None:
                self._sessions.move_to_end((visitor, token))
            return found
