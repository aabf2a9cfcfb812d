"""Connections to public addresses only, with one deadline over the whole exchange."""

import time
from collections.abc import Callable, Iterable
from ssl import SSLContext
from typing import Any

import httpcore

from blip2core.errors import IntakeError
from blip2core.intake.addresses import Resolve, public_addresses

ATTEMPTS = 3
"""Addresses of one host that are tried."""


class GuardedBackend(httpcore.NetworkBackend):
    """Resolves a host, checks all its addresses, and connects to the very ones it has checked.

    `deadline`: by `time.monotonic`.
    """

    def __init__(
        self, *, resolve: Resolve, network: httpcore.NetworkBackend, deadline: float
    ) -> None:
        self._resolve, self._network, self._deadline = resolve, network, deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        error: Exception | None = None
        for address in public_addresses(host, self._resolve)[:ATTEMPTS]:
            patience = _remaining(self._deadline, timeout)
            try:
                stream = self._network.connect_tcp(address, port, timeout=patience)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failed:
                error = failed
            else:
                return _TimedStream(stream, self._deadline)
        raise IntakeError("The server cannot be reached.") from error

    def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.NetworkStream:
        raise IntakeError("Only servers on the Internet are asked.")


class _TimedStream(httpcore.NetworkStream):
    """A connection whose every wait ends at the deadline: dripping bytes do not extend it."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _remaining(self._deadline, timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _remaining(self._deadline, timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        patience = _remaining(self._deadline, timeout)
        inner = self._stream.start_tls(ssl_context, server_hostname, patience)
        return _TimedStream(inner, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _remaining(
    deadline: float, timeout: float | None, now: Callable[[], float] = time.monotonic
) -> float:
    """Return the seconds that the next wait may take. Raises IntakeError where none are left."""
    left = deadline - now()
    if left <= 0:
        raise IntakeError("The server is too slow; the time for one image is over.")
    return left if timeout is None else min(left, timeout)
