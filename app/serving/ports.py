"""A port to listen on: the one that was asked for, else the first free one."""

from __future__ import annotations

import errno
import socket

from blip2core.errors import Blip2Error

FIRST_PORT, PORTS = 7860, 100


class PortTakenError(Blip2Error):
    """No port is free among those that may be used."""


def taken(ports: str, setting: str = "BLIP2_PORT") -> PortTakenError:
    """Return the error for ports that other programs listen on."""
    return PortTakenError(f"{ports} taken: choose another port with {setting}.")


def listen(host: str, port: int | None, *, setting: str = "BLIP2_PORT") -> socket.socket:
    """Return a socket that listens on `port`; without one, on the first free port from 7860.

    `setting` is the name of that which chooses the port.

    Raises PortTakenError where another program listens there, and OSError where it cannot be
    listened on for another reason: an unknown host, or a port that needs other rights.
    """
    for candidate in [port] if port else range(FIRST_PORT, FIRST_PORT + PORTS):
        listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, candidate))
            listener.listen(1)  # a second bind succeeds where nobody listens yet
        except OSError as error:
            listener.close()
            if error.errno == errno.EADDRINUSE:
                continue
            raise OSError(error.errno, error.strerror, f"{host}:{candidate}") from error
        return listener
    if port:
        raise taken(f"Port {port} of {host} is", setting)
    raise taken(f"All ports of {host} from {FIRST_PORT} to {FIRST_PORT + PORTS - 1} are", setting)
