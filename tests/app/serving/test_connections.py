"""Connections are bounded by network and in all, and who says or reads nothing is cut."""

import asyncio
import contextlib
import resource
import socket
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import uvicorn
import websockets.sync.client
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from app.serving import connections as module
from app.serving.connections import (
    BoundedHttp,
    BoundedWebSocket,
    Connections,
    body_seconds,
    room_for_connections,
)
from tests.app.serving.served import served

SHORT = 0.5
MUCH = b"x" * 20_000_000
"""More than the system buffers for a reader."""


async def read(request: Request) -> Response:
    return PlainTextResponse(f"{len(await request.body())}")


async def much(request: Request) -> Response:
    return Response(MUCH)


async def echo(socket: WebSocket) -> None:
    await socket.accept()
    while True:
        await socket.send_text(await socket.receive_text())


class Studio:
    """A server of ours with an app of this file."""

    def __init__(self, connections: Connections, port: int) -> None:
        self.connections, self.port = connections, port

    def connect(self) -> socket.socket:
        """A connection that has said nothing."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def wait_for(self, count: int) -> None:
        """Wait until so many connections are counted."""
        until = time.monotonic() + 10
        while len(self.connections) != count:
            assert time.monotonic() < until, f"{len(self.connections)} instead of {count}"
            time.sleep(0.01)


@contextlib.contextmanager
def serving(connections: Connections) -> Iterator[Studio]:
    """A studio in a thread."""
    routes = [
        Route("/read", read, methods=["GET", "POST"]),
        Route("/much", much),
        WebSocketRoute("/echo", echo),
    ]
    config = uvicorn.Config(
        Starlette(routes=routes),
        log_level="warning",
        http=partial(BoundedHttp, connections),  # type: ignore[arg-type]
        ws=partial(BoundedWebSocket, connections),  # type: ignore[arg-type]
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(100)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        yield Studio(connections, listener.getsockname()[1])
        server.should_exit = True
        thread.join()


@pytest.fixture
def studio() -> Iterator[Studio]:
    with serving(Connections(100)) as one:
        yield one


def answer(connection: socket.socket) -> bytes:
    """An answer whose body is one byte."""
    found = b""
    while not found.partition(b"\r\n\r\n")[2]:
        piece = connection.recv(1000)
        assert piece, "it was cut"
        found += piece
    return found


def seconds_until_cut(connection: socket.socket, *trickle: bytes) -> float:
    """How long it took until the connection was cut, while a piece goes out now and then."""
    began = time.monotonic()
    connection.settimeout(0.1)
    pieces = iter(trickle)
    while time.monotonic() - began < 20:
        try:
            if (piece := next(pieces, b"")) and connection.send(piece) == 0:
                break
            if connection.recv(100) == b"":
                break
        except TimeoutError:
            continue
        except OSError:
            break
    return time.monotonic() - began


def test_who_does_not_say_what_they_ask_is_cut(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HEADER_SECONDS", SHORT)
    header = b"GET /read HTTP/1.1\r\nHost: a\r\n"
    for trickle in ([], [bytes([byte]) for byte in header + b"X: " + 300 * b"y"]):
        with studio.connect() as connection:
            assert SHORT * 0.9 < seconds_until_cut(connection, *trickle) < 10
    studio.wait_for(0)


def test_a_second_request_of_a_connection_has_as_long_as_the_first(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HEADER_SECONDS", SHORT)
    with studio.connect() as connection:
        for _ in range(3):
            connection.sendall(b"POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n12")
            assert answer(connection).startswith(b"HTTP/1.1 200")
            time.sleep(SHORT * 0.8)
        connection.sendall(b"GET /re")
        assert SHORT * 0.9 < seconds_until_cut(connection) < 4, "before keep-alive ends it"


def test_who_does_not_send_what_they_announced_is_cut(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BODY_SECONDS", SHORT)
    monkeypatch.setattr(module, "SLOWEST", 1000)
    head = b"POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
    with studio.connect() as connection:
        connection.sendall(head % 500)
        taken = seconds_until_cut(connection, *([b"x"] * 400))
        assert SHORT + 0.4 < taken < 10, "half a second for the length, half a second besides"
    with studio.connect() as connection:  # slow, and in time
        connection.sendall(head % 4)
        for byte in (b"1", b"2", b"3", b"4"):
            time.sleep(SHORT / 10)
            connection.sendall(byte)
        assert answer(connection).endswith(b"\r\n4")


def test_a_body_has_the_time_that_its_length_takes() -> None:
    assert body_seconds([(b"content-length", b"20000000")]) == pytest.approx(2030)
    assert body_seconds([]) == 30


def test_answers_take_longer_than_the_deadline_of_what_is_asked(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HEADER_SECONDS", SHORT)
    monkeypatch.setattr(module, "BODY_SECONDS", SHORT)
    address = f"ws://127.0.0.1:{studio.port}/echo"
    with websockets.sync.client.connect(address) as connection:
        studio.wait_for(1)  # once, though two protocols have had it
        time.sleep(SHORT * 2)
        connection.send("still here")
        assert connection.recv() == "still here"
    studio.wait_for(0)


def test_who_does_not_read_the_answer_is_cut(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "READ_SECONDS", SHORT)
    with studio.connect() as connection:
        connection.sendall(b"GET /much HTTP/1.1\r\nHost: a\r\n\r\n")
        studio.wait_for(1)
        studio.wait_for(0)
    with studio.connect() as connection:  # who reads gets all of it
        connection.sendall(b"GET /much HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        count = 0
        while piece := connection.recv(1_000_000):
            count += len(piece)
        assert count > len(MUCH)


def test_one_address_holds_so_many() -> None:
    with serving(Connections(100, of_one=3)) as bounded, contextlib.ExitStack() as stack:
        held = [stack.enter_context(bounded.connect()) for _ in range(3)]
        bounded.wait_for(3)
        with bounded.connect() as one_more:
            assert seconds_until_cut(one_more) < 5
        held[0].close()
        bounded.wait_for(2)
        with bounded.connect() as instead:
            instead.sendall(b"GET /read HTTP/1.1\r\nHost: a\r\n\r\n")
            assert answer(instead).startswith(b"HTTP/1.1 200")


def test_networks_are_counted_and_forgotten(caplog: pytest.LogCaptureFixture) -> None:
    counted = Connections(20, of_one=2, proxies=["10.0.0.0/8", "::ffff:10.0.0.0/104"])
    taken = [counted.take((f"2001:db8:0:1::{number}", 1)) for number in range(3)]
    assert [bool(one) for one in taken] == [True, True, False], "a customer has 64 bits"
    others = [counted.take((f"2001:db8:0:{number}::1", 1)) for number in range(2, 12)]
    assert sum(map(bool, others)) == 8, "five times as many of the network around it"
    assert [counted.take(("10.1.2.3", 1)), counted.take(("::ffff:10.1.2.3", 1))] == [(), ()]
    assert [counted.take(None) is None for _ in range(9)] == [False] * 8 + [True], "all"
    assert "20 are open, of 20" not in caplog.text, "told once a minute"
    assert caplog.text.count("Connections are refused") == 1
    for keys in filter(None, [*taken, *others]):
        counted.leave(keys)
    for _ in range(10):
        counted.leave(())
    assert len(counted) == 0 and not counted._open


def test_the_process_lets_itself_open_more_files(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: asked.append(limits))
    for limits, room, wanted in (
        ((1024, 1_048_576), 7_936, [(8_192, 1_048_576)]),
        ((1024, resource.RLIM_INFINITY), 7_936, [(8_192, resource.RLIM_INFINITY)]),
        ((1024, 1024), 768, []),
        ((256, 256), 128, []),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), 7_936, []),
        ((20_000, 50_000), 7_936, []),
    ):
        asked.clear()
        monkeypatch.setattr(resource, "getrlimit", lambda _, limits=limits: limits)
        assert (room_for_connections(), asked) == (room, wanted), limits


def test_deadlines_end_with_their_connection() -> None:
    async def run() -> None:
        deadline = module.Deadline()
        deadline.start(asyncio.Transport(), 100)
        assert deadline.is_running()
        deadline.stop()
        assert not deadline.is_running()

    asyncio.run(run())


def test_who_asks_again_after_a_while_finds_the_connection_open(tmp_path: Path) -> None:
    """Gradio's client, httpx, keeps one for 5 seconds, and so did the server."""
    with served("mounted", tmp_path) as address:
        host, _, port = address.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            for seconds in (0, 6):
                time.sleep(seconds)
                connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert answer(connection).startswith(b"HTTP/1.1 200")
