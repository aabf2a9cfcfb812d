"""Who is logged in: random tokens in cookies, kept on the server only as digests and in memory.

They end by log-out, after a time without use, after a longest time, and with the process.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256

from app.roles import Visitor

ROTATE_SECONDS = 3_600.0
"""A token older than this is replaced at the next page that is opened."""
GRACE_SECONDS = 60.0
"""How long a replaced token still counts, for requests that are on their way."""
LONGEST_SECONDS = 30 * 24 * 3_600.0
"""A session ends then, however much it is used."""
SIGNED_IN_SECONDS = 12 * 3_600.0
"""The same for who signed in at a provider: it does not tell when it removes a person, so it is
asked again after a working day, which is one click for who is still signed in there.
"""
MOST_SESSIONS, MOST_OF_ONE = 10_000, 20
"""Sessions in all, and of one person: more than anybody has browsers, and few enough that programs
that log in and never out keep no others from it. The longest unused ones end first.
"""


@dataclass(slots=True, kw_only=True)
class LoginSession:
    """Somebody is logged in at one browser."""

    visitor: Visitor
    credential: str
    """What it rests on, such as the line of the file of users: where that changes, it ends."""
    began: float
    used: float
    issued: float
    """When its present token was made."""
    longest: float = LONGEST_SECONDS
    """Seconds after which it ends, however much it is used."""
    ended: bool = False
    tokens: dict[bytes, float] = field(default_factory=dict)
    """Digest of a token -> when it ends."""


class Sessions:
    """All sessions of this process. Safe to call from several threads."""

    def __init__(self, idle_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.idle_seconds = idle_seconds
        """A session that is not used for so long has ended."""
        self._clock, self._lock = clock, threading.Lock()
        self._by_token: dict[bytes, LoginSession] = {}

    def begin(
        self,
        visitor: Visitor,
        credential: str,
        *,
        replaces: LoginSession | None = None,
        longest: float = LONGEST_SECONDS,
    ) -> str:
        """Begin a session of at most `longest` seconds and return its token.

        Ends the session that it `replaces`, that of the same browser, and the longest unused ones
        where there are too many.
        """
        now = self._clock()
        session = LoginSession(
            visitor=visitor,
            credential=credential,
            began=now,
            used=now,
            issued=now,
            longest=longest,
        )
        with self._lock:
            if replaces is not None:
                self._end(replaces)
            self._drop_old(now)
            theirs = [one for one in self._all() if one.visitor.name == visitor.name]
            self._make_room(theirs, MOST_OF_ONE)
            self._make_room(self._all(), MOST_SESSIONS)
            return self._issue(session, now)

    def find(self, token: str) -> LoginSession | None:
        """Return the session of a token, and count it as used; None where it has ended."""
        now = self._clock()
        with self._lock:
            session = self._by_token.get(_digest(token))
            if session is None:
                return None
            if self.is_over(session, now) or now > session.tokens[_digest(token)]:
                self._by_token.pop(_digest(token))
                return None
            session.used = now
            return session

    def is_over(self, session: LoginSession, now: float | None = None) -> bool:
        """Return whether a session has ended."""
        now = self._clock() if now is None else now
        unused, age = now - session.used, now - session.began
        return session.ended or unused > self.idle_seconds or age > session.longest

    def touch(self, session: LoginSession) -> None:
        """Count a session as used."""
        session.used = self._clock()

    def rotate(self, session: LoginSession) -> str | None:
        """Return a new token where the present one is old, else None."""
        now = self._clock()
        with self._lock:
            if session.ended or now - session.issued < ROTATE_SECONDS:
                return None
            for digest in session.tokens:
                session.tokens[digest] = min(session.tokens[digest], now + GRACE_SECONDS)
            return self._issue(session, now)

    def end(self, session: LoginSession) -> None:
        """End a session: none of its tokens counts any more."""
        with self._lock:
            self._end(session)

    def is_taken(self, name: str, credential: str) -> bool:
        """Return whether there is a session of this name that rests on another credential."""
        with self._lock:
            return any(
                one.visitor.name == name and one.credential != credential and not self.is_over(one)
                for one in self._all()
            )

    def end_all_of(self, name: str) -> None:
        """End every session of a person, as after a change of the password."""
        with self._lock:
            for session in self._all():
                if session.visitor.name == name:
                    self._end(session)

    def _end(self, session: LoginSession) -> None:
        session.ended = True
        for digest in session.tokens:
            self._by_token.pop(digest, None)

    def _all(self) -> list[LoginSession]:
        """Return each session once; one has two tokens while a replaced one still counts."""
        return list({id(session): session for session in self._by_token.values()}.values())

    def _make_room(self, sessions: list[LoginSession], most: int) -> None:
        """End the longest unused of some sessions, so that there are fewer than `most`."""
        oldest = sorted(sessions, key=lambda session: session.used)
        for session in oldest[: max(0, len(oldest) - most + 1)]:
            self._end(session)

    def _issue(self, session: LoginSession, now: float) -> str:
        token = secrets.token_urlsafe(32)
        session.tokens[_digest(token)] = now + session.longest
        session.issued = now
        self._by_token[_digest(token)] = session
        return token

    def _drop_old(self, now: float) -> None:
        """Forget the tokens that have ended."""
        for digest, session in list(self._by_token.items()):
            if self.is_over(session, now) or now > session.tokens[digest]:
                del self._by_token[digest]


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()
