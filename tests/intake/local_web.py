"""A web of one local server: names resolve to public addresses, connections arrive here."""

import gzip
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import httpcore

from blip2core.intake.addresses import resolve
from tests.intake.making import png

PUBLIC = "93.184.216.34"
BOMB = gzip.compress(bytes(10**7))


class Network(httpcore.NetworkBackend):
    """Writes down every connection that is asked for; all of them go to the local server."""

    def __init__(self, port: int) -> None:
        self._port, self.asked = port, list[tuple[str, int]]()

    def connect_tcp(self, host: str, port: int, *args: Any, **options: Any) -> Any:
        self.asked.append((host, port))
        return httpcore.SyncBackend().connect_tcp("127.0.0.1", self._port, *args, **options)


class Names:
    """A resolver: host -> addresses, or a function that may answer differently each time."""

    def __init__(self, **known: list[str]) -> None:
        self.known, self.asked = known, list[str]()

    def __call__(self, host: str) -> list[str]:
        self.asked.append(host)
        if host[0].isdigit() or ":" in host:
            return resolve(host)
        return self.known.get(host.partition(".")[0], [PUBLIC])


@dataclass
class Web:
    network: Network
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    """Paths and headers, as they arrived."""


class Handler(BaseHTTPRequestHandler):
    web: Web

    def do_GET(self) -> None:
        self.web.requests.append((self.path, dict(self.headers)))
        parts = urlsplit(self.path)
        answers: dict[str, Callable[[], None]] = {
            "/to": lambda: self._send(b"", 302, Location=unquote(parse_qs(parts.query)["u"][0])),
            "/round": lambda: self._send(b"", 301, Location="/round"),
            "/endless": self._endless,
            "/drip": self._drip,
            "/drip-head": self._drip_head,
            "/gzip": lambda: self._send(
                gzip.compress(bytes(10**7)), **{"Content-Encoding": "gzip"}
            ),
            "/noai": lambda: self._send(png(), **{"X-Robots-Tag": "otherbot: noai, nofollow"}),
            "/none": lambda: self._send(b"no", 404),
            "/cookie": lambda: self._send(
                b"", 302, **{"Set-Cookie": "a=b", "Location": "/picture.png"}
            ),
        }
        answers.get(parts.path, lambda: self._send(png()))()

    def _send(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _endless(self) -> None:
        self.send_response(200)
        self.end_headers()
        self._until_closed(b"x" * 65_536, 0)

    def _drip(self) -> None:
        self.send_response(200)
        self.end_headers()
        self._until_closed(b"x", 0.02)

    def _drip_head(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-A: ")
        self._until_closed(b"x", 0.02)

    def _until_closed(self, data: bytes, pause: float) -> None:
        waiting = threading.Event()
        try:
            while not waiting.wait(pause):
                self.wfile.write(data)
                self.wfile.flush()
        except OSError:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def local_web() -> Iterator[Web]:
    handler = type("OwnHandler", (Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # we hang up on purpose
    handler.web = web = Web(Network(server.server_address[1]))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
