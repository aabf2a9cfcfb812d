"""The root path of a proxy that leaves it in or takes it away, and what nobody may forge."""

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from app.login.requests import route_path
from app.serving.proxied import Proxied
from app.settings import AppSettings, proxies_of


def tell(request: Request) -> JSONResponse:
    return JSONResponse(
        {
            "route": route_path(request.scope),
            "url": request.url.path,
            "base": str(request.base_url),
            "raw": request.scope["raw_path"].decode(),
            "headers": sorted(request.headers.keys()),
        }
    )


async def greet(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(route_path(websocket.scope))
    await websocket.close()


def client(root_path: str) -> TestClient:
    routes = [
        Route("/", tell),
        Route("/page", tell),
        Mount("/inner", routes=[Route("/page", tell), WebSocketRoute("/talk", greet)]),
        Route("/{other:path}", tell),
    ]
    app = Proxied(Starlette(routes=routes), root_path)
    return TestClient(app, "http://studio.example", follow_redirects=False)


def asked(root_path: str, path: str, **headers: str) -> dict[str, Any]:
    answer = client(root_path).get(path, headers=headers)
    assert answer.status_code == 200, answer
    told: dict[str, Any] = answer.json()
    return told


@pytest.mark.parametrize("path", ["/", "/page", "/inner/page", "/studios", "/studiospage"])
@pytest.mark.parametrize("root", ["/studio", "/a/studio"])
def test_a_path_is_the_same_left_in_or_taken_away(root: str, path: str) -> None:
    taken, left = asked(root, path), asked(root, f"{root}{path}")
    assert taken == left
    assert taken["url"] == taken["raw"] == f"{root}{path}"
    assert taken["base"].startswith(f"http://studio.example{root}/")


def test_routes_see_the_path_without_it() -> None:
    assert asked("/studio", "/studio/page")["route"] == "/page"
    assert asked("/studio", "/studio/")["route"] == "/"


def test_the_root_path_itself_leads_to_the_first_page() -> None:
    answer = client("/studio").get("/studio?view=1&next=%2Fa")
    assert (answer.status_code, answer.headers["location"]) == (308, "/studio/?view=1&next=%2Fa")


def test_without_a_root_path_nothing_changes() -> None:
    assert asked("", "/studio/page")["route"] == "/studio/page"
    assert asked("", "/")["base"] == "http://studio.example/"


def test_a_websocket_too() -> None:
    for path in ("/inner/talk", "/studio/inner/talk"):
        with client("/studio").websocket_connect(path) as websocket:
            assert websocket.receive_text() == "/talk"


@pytest.mark.parametrize(
    "name",
    [
        "X-Forwarded-Host",
        "x-forwarded-proto",
        "X-Forwarded-Prefix",
        "X-Forwarded-For",
        "Forwarded",
        "X-Real-IP",
        "X-Gradio-Server",
    ],
)
def test_the_apps_see_no_header_that_they_would_believe(name: str) -> None:
    told = asked("/studio", "/page", **{name: "evil.example", "x-kept": "1"})
    assert name.lower() not in told["headers"]
    assert "x-kept" in told["headers"]
    assert told["base"] == "http://studio.example/studio/"


@pytest.mark.parametrize("named", ["10.0.0.1", "10.0.0.0/24", "::ffff:10.0.0.1"])
@pytest.mark.parametrize(
    ("peer", "shown"),
    [
        ("10.0.0.1", "203.0.113.9"),
        ("::ffff:10.0.0.1", "203.0.113.9"),
        ("::ffff:a00:1", "203.0.113.9"),
        ("::ffff:10.0.1.1", "::ffff:10.0.1.1"),
        ("10.0.1.1", "10.0.1.1"),
        ("::10.0.0.1", "::10.0.0.1"),
    ],
)
def test_a_proxy_is_known_in_both_forms_of_its_address(named: str, peer: str, shown: str) -> None:
    """As uvicorn does it, both ways of serving; where IPv4 comes in at a socket of IPv6."""

    def client_of(request: Request) -> JSONResponse:
        return JSONResponse([request.client.host if request.client else "", request.url.scheme])

    inside = Starlette(routes=[Route("/", client_of)])
    proxies = proxies_of(AppSettings(proxies=(named,)))
    for trusted in (proxies, ",".join(proxies)):
        app: Any = ProxyHeadersMiddleware(inside, trusted_hosts=trusted)  # type: ignore[arg-type]
        told = TestClient(app, client=(peer, 1)).get(
            "/", headers={"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
        )
        assert told.json() == [shown, "https" if shown == "203.0.113.9" else "http"]


def test_a_proxy_that_is_not_named_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    visitor = client("")
    for _ in range(3):
        visitor.get("/", headers={"x-forwarded-for": "10.0.0.9"})
    (told,) = [one.getMessage() for one in caplog.records if one.name == "app.serving.proxied"]
    assert told.startswith("testclient speaks for others and is not in BLIP2_PROXIES")
    caplog.clear()
    named = ProxyHeadersMiddleware(visitor.app, trusted_hosts="testclient")  # type: ignore[arg-type]
    TestClient(named).get("/", headers={"x-forwarded-for": "10.0.0.9"})
    assert not caplog.records, "uvicorn believes it, and so do we"
