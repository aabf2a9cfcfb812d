"""Ports for the servers of tests."""

import os
import socket
from collections.abc import Iterator

import gradio.http_server
import pytest


@pytest.fixture(scope="session", autouse=True)
def own_ports() -> Iterator[None]:
    """Give each process that runs tests 100 ports of its own, as many as Gradio tries.

    Of two that begin to serve at one moment, both find the first port free. One then fails to bind
    it, in a thread, and tries the next; pytest takes what went wrong in the thread for an error.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = gradio.http_server.INITIAL_PORT_VALUE + gradio.http_server.TRY_NUM_PORTS * worker
    with pytest.MonkeyPatch.context() as changed:
        changed.setattr("gradio.http_server.INITIAL_PORT_VALUE", first)
        yield


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
