"""Foreign hosts and foreign pages are refused, on both ways of serving; one's own are not."""

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from app.serving.hosts import HostGuard
from app.serving.proxied import Proxied
from app.settings import AppSettings

LOCAL = "127.0.0.1:7860"


async def greet(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.close()


def client(**settings: Any) -> TestClient:
    routes = [
        Route("/", lambda _: PlainTextResponse("inside"), methods=["GET", "POST"]),
        WebSocketRoute("/talk", greet),
    ]
    return TestClient(HostGuard(Starlette(routes=routes), AppSettings(**settings)))


def status(client: TestClient, host: str, origin: str | None = None, *, method: str = "GET") -> int:
    headers = {"host": host} | ({} if origin is None else {"origin": origin})
    return client.request(method, "/", headers=headers).status_code


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "Box")
    monkeypatch.delenv("GRADIO_SERVER_NAME", raising=False)


@pytest.mark.parametrize("host", [LOCAL, "localhost:1", "LOCALHOST", "[::1]:7860", "127.0.0.1"])
def test_served_to_this_machine_its_names_are_answered(host: str) -> None:
    assert status(client(), host) == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.com",
        "evil.com:7860",
        "127.0.0.1.evil.com",
        "localhost.evil.com",
        "",
        "[",
        "::1",
        "10.0.0.7",
        "box",
        "localhost@evil.com",
        "evil.com@localhost",
        "evil.com#localhost",
        "localhost evil.com",
    ],
)
def test_served_to_this_machine_other_names_are_not(host: str) -> None:
    assert status(client(), host) == 400


@pytest.mark.parametrize("host", ["10.0.0.7:7860", "[fe80::1]:80", "box:7860", "box.local", LOCAL])
def test_served_to_others_addresses_and_the_machines_name_are_answered(host: str) -> None:
    assert status(client(host="0.0.0.0"), host) == 200
    assert status(client(host="0.0.0.0"), "evil.com") == 400


def test_names_behind_a_proxy_are_allowed_by_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLIP2_ALLOWED_HOSTS", "Studio.example, other.example")
    for name in ("studio.example", "other.example:8443"):
        assert status(client(), name) == 200
    assert status(client(), "evil.example") == 400


def test_a_space_is_reached_under_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_HOST", "ann-studio.hf.space")
    assert status(client(host="0.0.0.0"), "ann-studio.hf.space") == 200


@pytest.mark.parametrize(
    "origin",
    ["http://evil.com", "null", "http://localhost:3000", "http://127.0.0.1", "", "x", "http://["],
)
def test_foreign_pages_may_read_and_change_nothing(origin: str) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert status(client(), LOCAL, origin, method=method) == 403
    with pytest.raises(WebSocketDisconnect):
        client().websocket_connect("/talk", headers={"host": LOCAL, "origin": origin}).__enter__()


def test_its_own_pages_and_programs_may() -> None:
    assert status(client(), LOCAL, f"http://{LOCAL}", method="POST") == 200
    assert status(client(), LOCAL, method="POST") == 200
    headers = {"host": LOCAL, "origin": f"http://{LOCAL}"}
    with client().websocket_connect("/talk", headers=headers):
        pass


def test_behind_a_proxy_that_changes_the_host_the_allowed_name_is_its_own_page() -> None:
    proxied = client(allowed_hosts=("studio.example",))
    assert status(proxied, LOCAL, "https://studio.example", method="POST") == 200
    assert status(proxied, LOCAL, "https://evil.example", method="POST") == 403


def test_another_port_of_the_allowed_name_is_another_site() -> None:
    proxied = client(allowed_hosts=("studio.example",))
    for site, code in (("studio.example", 200), ("studio.example:8443", 403)):
        assert status(proxied, "studio.example", f"https://{site}", method="POST") == code
    own = "https://studio.example:8443"
    assert status(proxied, "studio.example:8443", own, method="POST") == 200


def test_a_websocket_for_a_foreign_host_is_refused() -> None:
    with pytest.raises(WebSocketDisconnect) as refused:
        client().websocket_connect("/talk", headers={"host": "evil.com"}).__enter__()
    assert refused.value.code == 1008  # RFC 6455: it violates the policy of this server


def from_machine(address: str, **settings: Any) -> int:
    app = HostGuard(
        Starlette(routes=[Route("/", lambda _: PlainTextResponse("inside"))]),
        AppSettings(**settings),
    )
    return TestClient(app, client=(address, 1)).get("/", headers={"host": LOCAL}).status_code


@pytest.mark.parametrize("address", ["10.0.0.7", "203.0.113.9", "2001:db8::1", "::ffff:10.0.0.7"])
def test_where_anyone_is_owner_nobody_comes_through_a_proxy(address: str) -> None:
    assert from_machine(address) == 403
    assert from_machine(address, open=True) == 200


@pytest.mark.parametrize("address", ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"])
def test_this_machine_does(address: str) -> None:
    assert from_machine(address) == 200


def test_where_anyone_is_owner_no_proxy_tells_of_anybody() -> None:
    inside = Starlette(routes=[Route("/", lambda _: PlainTextResponse("inside"))])
    for settings, status in ((AppSettings(), 403), (AppSettings(open=True), 200)):
        app = Proxied(HostGuard(inside, settings), "")
        client = TestClient(app, client=("127.0.0.1", 1), headers={"host": LOCAL})
        assert client.get("/").status_code == 200
        for name in (
            *("X-Forwarded-For", "x-forwarded-host", "Forwarded", "X-Real-IP"),
            *("Via", "Client-IP", "CF-Connecting-IP", "True-Client-IP"),
        ):
            assert client.get("/", headers={name: "unknown"}).status_code == status


def test_a_page_of_plain_http_changes_nothing_by_https() -> None:
    visitor = client(allowed_hosts="studio.example", open=True)
    for origin, expected in (("http://studio.example", 403), ("https://studio.example", 200)):
        sent = {"host": "studio.example", "origin": origin}
        assert visitor.post("https://studio.example/", headers=sent).status_code == expected
        assert visitor.post("http://studio.example/", headers=sent).status_code == 200
