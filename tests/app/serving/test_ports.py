"""Which port is listened on, and what is said where none can be."""

import errno
import os
import socket
from collections.abc import Iterator

import gradio.http_server
import pytest
from fastapi import FastAPI

from app.serving import ports
from app.serving.ports import PortTakenError, listen
from app.serving.server import start_server
from tests.ports import ports_of

HOST = "127.0.0.1"


def test_processes_that_run_tests_share_no_port_with_each_other_or_a_studio() -> None:
    each = [ports_of(f"gw{number}") for number in range(8)]
    studio = range(ports.FIRST_PORT, ports.FIRST_PORT + ports.PORTS)
    every = [port for one in (*each, studio) for port in one]
    assert len(set(every)) == len(every)
    own = ports_of(os.environ.get("PYTEST_XDIST_WORKER", "gw0"))
    assert own.start == gradio.http_server.INITIAL_PORT_VALUE


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which another program listens."""
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen(1)
        yield other.getsockname()[1]


def test_the_next_free_port_is_found(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "FIRST_PORT", taken)
    with listen(HOST, None) as found:
        assert taken < found.getsockname()[1] < taken + ports.PORTS


def test_a_port_that_was_asked_for_is_taken_or_refused(taken: int) -> None:
    with pytest.raises(PortTakenError, match=f"{taken} of {HOST} is taken.*BLIP2_PORT"):
        listen(HOST, taken)


def test_all_ports_are_taken(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "FIRST_PORT", taken)
    monkeypatch.setattr(ports, "PORTS", 1)
    with pytest.raises(PortTakenError, match=f"All ports of {HOST} from {taken} to {taken} are"):
        listen(HOST, None)


def test_other_trouble_is_not_called_a_taken_port() -> None:
    with pytest.raises(OSError) as caught:
        listen("192.0.2.1", None)  # an address for documentation, which no machine has
    assert caught.value.errno == errno.EADDRNOTAVAIL
    assert "192.0.2.1" in str(caught.value.filename)


@pytest.mark.parametrize("chosen", ["setting", "environment"])
def test_the_server_listens_on_the_port_that_was_chosen(
    chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as found:
        found.bind((HOST, 0))
        port = found.getsockname()[1]  # not the one that is looked for first
    monkeypatch.setenv("GRADIO_SERVER_PORT", str(port) if chosen == "environment" else "1")
    served = start_server(FastAPI(), HOST, port if chosen == "setting" else None)
    try:
        assert served.address == f"http://{HOST}:{port}/"
        assert served.is_served()
    finally:
        served.close()
    assert not served.is_served()
