"""Ports for the servers of tests."""

import os
import socket
from collections.abc import Iterator

import gradio.http_server
import pytest

_GRADIO_FIRST = gradio.http_server.INITIAL_PORT_VALUE
_GRADIO_TRIES = gradio.http_server.TRY_NUM_PORTS


def ports_of(worker: str) -> range:
    """The ports on which a process that runs tests serves its pages: none of another's, nor of
    those from which a studio takes the first free one.

    Of two that begin to serve at one moment, both find the first port free. Gradio then fails to
    bind it, in a thread, and tries the next; pytest takes what went wrong in the thread for an
    error.
    """
    first = _GRADIO_FIRST + _GRADIO_TRIES * (1 + int(worker.removeprefix("gw")))
    return range(first, first + _GRADIO_TRIES)


@pytest.fixture(scope="session", autouse=True)
def own_ports() -> Iterator[None]:
    """Let Gradio look for a free port among those of this process."""
    first = ports_of(os.environ.get("PYTEST_XDIST_WORKER", "gw0")).start
    with pytest.MonkeyPatch.context() as changed:
        changed.setattr("gradio.http_server.INITIAL_PORT_VALUE", first)
        yield


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
