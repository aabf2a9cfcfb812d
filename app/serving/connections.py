"""How many connections one network and all of them may hold, and how long each may take to say what
it asks and to read what it is answered.

uvicorn waits for ever for a header, a body and a reader, and takes connections until the process
can open no more files: a few hundred that say nothing would shut everybody else out.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from app.login.networks import WIDER, networks_of
from app.metrics import note_refusal

OF_ONE = 300
"""Connections of one address: a browser opens six, and a class may come from one address."""
HEADER_SECONDS = 20.0
"""From the first byte of a request, or the connection, to the end of its header."""
BODY_SECONDS = 30.0
"""For a body, beside the time that its length takes."""
SLOWEST = 10_000
"""Bytes a second that an upload comes with at least: a bad mobile network."""
READ_SECONDS = 60.0
"""How long an answer may wait for its reader, who has not even taken what the system buffers."""
MOST_FILES, OTHER_FILES = 8_192, 256
"""Files that the process lets itself open where the system allows it, and how many of them are for
models, databases and images. macOS allows 10,240.
"""
TOLD_SECONDS = 60.0
_log = logging.getLogger(__name__)
Client = tuple[str, int] | None


class Connections:
    """Those that are open. What a trusted proxy opens counts for nobody, only among all."""

    def __init__(self, most: int, *, of_one: int = OF_ONE, proxies: Sequence[str] = ()) -> None:
        self._most, self._of_one = most, of_one
        self._proxies = [ipaddress.ip_network(proxy, strict=False) for proxy in proxies]
        self._all = 0
        self._open: Counter[str] = Counter()
        self._told = -TOLD_SECONDS

    def take(self, client: Client) -> tuple[str, ...] | None:
        """Count a connection -> what to `leave` with later; None where it is one too many."""
        keys = () if client is None or self._is_proxy(client[0]) else networks_of(client[0])
        bounds = zip(keys, (self._of_one, WIDER * self._of_one), strict=False)
        if self._all >= self._most or any(self._open[key] >= most for key, most in bounds):
            self._refused()
            return None
        self._all += 1
        self._open.update(keys)
        return keys

    def leave(self, keys: tuple[str, ...]) -> None:
        """Count it no longer."""
        self._all -= 1
        self._open.subtract(keys)
        for key in keys:
            if not self._open[key]:
                del self._open[key]

    def __len__(self) -> int:
        return self._all

    def _is_proxy(self, address: str) -> bool:
        found = ipaddress.ip_address(address)
        return any(found in network for network in self._proxies)

    def _refused(self) -> None:
        note_refusal("connections")
        if time.monotonic() - self._told >= TOLD_SECONDS:
            self._told = time.monotonic()
            _log.warning(
                "Connections are refused: %d are open, of %d; and %d of one address at most.",
                *(self._all, self._most, self._of_one),
            )


class Deadline:
    """Cuts a connection, unless it is stopped before."""

    def __init__(self) -> None:
        self._timer: asyncio.TimerHandle | None = None

    def start(self, transport: asyncio.Transport, seconds: float) -> None:
        """Begin; what was begun before no longer counts."""
        self.stop()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._cut, transport)

    def stop(self) -> None:
        """Cut nothing."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def is_running(self) -> bool:
        """Return whether it will cut."""
        return self._timer is not None

    def _cut(self, transport: asyncio.Transport) -> None:
        self._timer = None
        note_refusal("slow")
        transport.abort()


class BoundedHttp(H11Protocol):
    """uvicorn's HTTP/1.1, counted and with deadlines."""

    def __init__(self, connections: Connections, **given: Any) -> None:
        super().__init__(**given)
        self._counted = connections
        self._keys: tuple[str, ...] | None = None
        self._comes, self._goes = Deadline(), Deadline()
        self._body_of: list[tuple[bytes, bytes]] | None = None
        """The header of the request whose body is waited for."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, or cut it."""
        super().connection_made(transport)
        self._keys = self._counted.take(self.client)
        if self._keys is None:
            transport.abort()
        else:
            self._comes.start(transport, HEADER_SECONDS)

    def data_received(self, data: bytes) -> None:
        """Read on, and see whether what is asked is complete."""
        super().data_received(data)
        state = self.conn.their_state
        if self._keys is None:  # it is another protocol's now
            return
        if state is h11.IDLE:
            if self._body_of is not None or not self._comes.is_running():
                self._comes.start(self.transport, HEADER_SECONDS)
            self._body_of = None
        elif state is h11.SEND_BODY:
            if self._body_of is not self.headers:
                self._body_of = self.headers
                self._comes.start(self.transport, body_seconds(self.headers))
        else:
            self._comes.stop()
            self._body_of = None

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Hand the connection on; the other protocol counts it."""
        self._end()
        super().handle_websocket_upgrade(event)

    def connection_lost(self, exc: Exception | None) -> None:
        """Count it no longer."""
        self._end()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Wait for who reads the answer, but not for ever."""
        self._goes.start(self.transport, READ_SECONDS)
        super().pause_writing()

    def resume_writing(self) -> None:
        """Go on writing."""
        self._goes.stop()
        super().resume_writing()

    def _end(self) -> None:
        self._comes.stop()
        self._goes.stop()
        if self._keys is not None:
            self._counted.leave(self._keys)
            self._keys = None


class BoundedWebSocket(WebSocketsSansIOProtocol):
    """uvicorn's websockets, counted. It asks for signs of life by itself, which nobody can give who
    does not read.
    """

    def __init__(self, connections: Connections, **given: Any) -> None:
        super().__init__(**given)
        self._counted = connections
        self._keys: tuple[str, ...] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over the connection."""
        super().connection_made(transport)
        self._keys = self._counted.take(self.client)

    def connection_lost(self, exc: Exception | None) -> None:
        """Count it no longer."""
        if self._keys is not None:
            self._counted.leave(self._keys)
            self._keys = None
        super().connection_lost(exc)


def body_seconds(headers: list[tuple[bytes, bytes]]) -> float:
    """Return how long the body of a request with this header may take."""
    length = dict(headers).get(b"content-length", b"0")
    return BODY_SECONDS + int(length) / SLOWEST  # h11 has read it as a number


def room_for_connections() -> int:
    """Let this process open as many files as it needs and the system allows -> how many of them may
    be connections.
    """
    try:
        import resource
    except ImportError:  # Windows, where sockets are no files
        return MOST_FILES - OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return max(allowed - OTHER_FILES, allowed // 2)
