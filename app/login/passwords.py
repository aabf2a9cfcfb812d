"""Checks passwords without letting a flood of wrong ones stop the others.

Argon2 takes some 50 milliseconds and 64 MB for each check: few run at the same time, few wait, who
fails waits longer each time, and a right password that was seen before costs nothing.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from hashlib import sha256

import anyio
import anyio.to_thread

from app.login.errors import LoginRefusedError, too_many_attempts
from app.login.networks import WIDER, networks_of
from app.login.throttle import Throttle
from app.login.users import LONGEST, LONGEST_NAME, User, Users

AT_ONCE, MOST_WAITING = 2, 30
"""Checks that run at the same time, and those that may wait for them."""
MOST_OF_ONE = 8
"""Attempts of one network that are checked or wait: a flood from there holds up others for no more
than these. A class may log in at once, and try again in some seconds.
"""
FREE_BY_NAME, FREE_BY_ADDRESS = 5, 20
"""Failures without a delay; several people may share one address."""
REMEMBERED_SECONDS = 12 * 3_600.0
MOST_REMEMBERED = 1_000
"""Right passwords that are remembered, as keyed digests, and for how long."""


class Passwords:
    """The passwords of the people of a file."""

    def __init__(self, users: Users, clock: Callable[[], float] = time.monotonic) -> None:
        self.users = users
        self._clock = clock
        self._by_name = Throttle(FREE_BY_NAME, clock)
        self._by_address = Throttle(FREE_BY_ADDRESS, clock)
        self._by_wider_network = Throttle(WIDER * FREE_BY_ADDRESS, clock)
        self._limiter = anyio.CapacityLimiter(AT_ONCE)
        self._waiting: Counter[str] = Counter()
        """Network -> attempts that are checked, or wait for it."""
        self._key = secrets.token_bytes()
        self._right: OrderedDict[bytes, float] = OrderedDict()
        """Digest of name, hash and password -> when it was right."""
        self._at_home: OrderedDict[tuple[str, str], None] = OrderedDict()
        """Name and network of who logged in: failures of others do not hold them up."""

    async def check(self, name: str, password: str, address: str) -> User:
        """Return who it is.

        Raises LoginRefusedError where the password is wrong, there were too many attempts, or the
        file of users cannot be read.
        """
        if not 0 < len(name) <= LONGEST_NAME or not 0 < len(password) <= LONGEST:
            raise LoginRefusedError("Name or password is wrong.")
        if person := self._remembered(name, password):
            return person
        network, *wider = networks_of(address)
        is_crowd = self._waiting.total() >= AT_ONCE + MOST_WAITING
        if is_crowd or self._waiting[network] >= MOST_OF_ONE:
            raise LoginRefusedError(
                "Many are logging in at this moment. Try again in some seconds.",
                status=503,
                retry_after=5,
            )
        if (name, network) in self._at_home:
            wider = []
        self._count(name, network, wider)
        self._waiting[network] += 1
        try:
            found = await anyio.to_thread.run_sync(
                partial(self.users.verify, name, password), limiter=self._limiter
            )
        finally:
            self._waiting[network] -= 1
            self._waiting += Counter()  # without networks of which none is left
        if found is None:
            raise LoginRefusedError("Name or password is wrong.")
        self._by_name.succeeded(name, forget=True)
        self._by_address.succeeded(network, forget=False)
        for around in wider:
            self._by_wider_network.succeeded(around, forget=False)
        self._remember(found, password, network)
        return found

    def forget(self, name: str) -> None:
        """Forget where a person logged in, as after a change of the password."""
        for known in [known for known in self._at_home if known[0] == name]:
            del self._at_home[known]

    def _count(self, name: str, network: str, wider: Sequence[str]) -> None:
        """Count an attempt. Raises LoginRefusedError where there were too many."""
        wait = self._by_address.attempt(network)
        if not wait and (name, network) not in self._at_home:
            waits = [self._by_wider_network.attempt(around) for around in wider]
            wait = max(waits, default=0.0) or self._by_name.attempt(name)
        if wait:
            raise too_many_attempts(wait)

    def _remembered(self, name: str, password: str) -> User | None:
        person = self.users.find(name)
        if person is None:
            return None
        digest = self._digest(person, password)
        seen = self._right.get(digest)
        return person if seen is not None and self._clock() - seen < REMEMBERED_SECONDS else None

    def _remember(self, person: User, password: str, network: str) -> None:
        self._right[self._digest(person, password)] = self._clock()
        self._at_home[person.name, network] = None
        for known in (self._right, self._at_home):
            while len(known) > MOST_REMEMBERED:
                known.popitem(last=False)

    def _digest(self, person: User, password: str) -> bytes:
        return hmac.digest(self._key, f"{person.line}\0{password}".encode(), sha256)
