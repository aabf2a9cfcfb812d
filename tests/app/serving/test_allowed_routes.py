"""Of Gradio's server only the addresses that the studio needs are there."""

from typing import Any

import gradio as gr
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from app.serving.allowed_routes import AllowedRoutes

ALL = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
NEEDED = {
    ("GET", "/"),
    ("GET", "/assets/{path:path}"),
    ("GET", "/config"),
    ("GET", "/favicon.ico"),
    ("GET", "/manifest.json"),
    ("GET", "/pwa_icon"),
    ("GET", "/pwa_icon/{size}"),
    ("GET", "/robots.txt"),
    ("GET", "/static/{path:path}"),
    ("GET", "/svelte/{path:path}"),
    ("GET", "/theme.css"),
    ("GET", "/gradio_api/app_id"),
    ("GET", "/gradio_api/call/v2/{api_name}/{event_id}"),
    ("GET", "/gradio_api/call/{api_name}/{event_id}"),
    ("GET", "/gradio_api/file={path_or_url:path}"),
    ("GET", "/gradio_api/heartbeat/{session_hash}"),
    ("GET", "/gradio_api/info"),
    ("GET", "/gradio_api/login_check"),
    ("GET", "/gradio_api/queue/data"),
    ("GET", "/gradio_api/queue/status"),
    ("GET", "/gradio_api/startup-events"),
    ("GET", "/gradio_api/theme.css"),
    ("GET", "/gradio_api/upload_progress"),
    ("POST", "/gradio_api/api/{api_name}"),
    ("POST", "/gradio_api/call/v2/{api_name}"),
    ("POST", "/gradio_api/call/{api_name}"),
    ("POST", "/gradio_api/cancel"),
    ("POST", "/gradio_api/queue/join"),
    ("POST", "/gradio_api/reset"),
    ("POST", "/gradio_api/run/{api_name}"),
    ("POST", "/gradio_api/upload"),
}
"""What of Gradio 6.31 gets through. A new version may add to what is not here."""


async def greet(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.close()


def client(**options: Any) -> TestClient:
    routes = [
        WebSocketRoute("/{path:path}", greet),
        Route("/{path:path}", lambda _: PlainTextResponse("inside"), methods=ALL),
    ]
    return TestClient(AllowedRoutes(Starlette(routes=routes), **options))


def gradio_routes() -> set[tuple[str, str]]:
    """Method and pattern of every route of Gradio's server."""
    with gr.Blocks() as page:
        pass
    found = set()
    for route in gr.routes.App.create_app(page).router.routes:
        inner = getattr(getattr(route, "original_router", None), "routes", [route])
        prefix = getattr(getattr(route, "include_context", None), "prefix", "")
        for one in inner:
            for method in getattr(one, "methods", None) or ():
                if method != "HEAD":
                    found.add((method, prefix + one.path.removesuffix("/") or "/"))
    return found


def test_each_route_of_gradio_is_needed_or_not_there() -> None:
    known, asked = gradio_routes(), client()
    assert len(known) > 50, "Gradio's routes are found in another way now."
    reached = set()
    for method, pattern in known:
        path = pattern.replace("{api_name}", "ask").replace("{size}", "192")
        path = path.replace("{", "").replace("}", "").replace(":path", "")
        if asked.request(method, path).status_code == 200:
            reached.add((method, pattern))
    assert reached - NEEDED == set(), "a route gets through that nobody has looked at"
    assert NEEDED - reached - (NEEDED - known) == set()
    assert len(NEEDED - known) < 3, "Gradio has other routes now: look at each"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/gradio_api/file=http://example.com/x.png"),
        ("GET", "/gradio_api/file=HTTPS://example.com/x.png"),
        ("GET", "/gradio_api/file=file:///etc/passwd"),
        ("GET", "/gradio_api/file/http://example.com/x.png"),
        ("GET", "/gradio_api/proxy=http://example.com"),
        ("GET", "/gradio_api/openapi.json"),
        ("GET", "/openapi.json"),
        ("GET", "/docs"),
        ("GET", "/monitoring"),
        ("POST", "/login"),
        ("POST", "/gradio_api/component_server"),
        ("POST", "/gradio_api/process_recording"),
        ("POST", "/gradio_api/vibe-edit"),
        ("POST", "/gradio_api/call/ask/more/and/more"),
        ("POST", "/config"),
        ("DELETE", "/"),
        ("PUT", "/gradio_api/upload"),
        ("GET", "/curators"),
        ("GET", "/gradio_api/mcp/sse"),
    ],
)
def test_what_nobody_needs_is_not_there(method: str, path: str) -> None:
    assert client().request(method, path).status_code == 404


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_streamlit_has_addresses_of_its_own(method: str) -> None:
    assert client().request(method, "/curator/_stcore/upload_file/a/b").status_code == 200
    with client().websocket_connect("/curator/_stcore/stream"):
        pass
    with pytest.raises(WebSocketDisconnect), client().websocket_connect("/gradio_api/queue/join"):
        pass


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_tools_are_there_where_they_are_wanted(method: str) -> None:
    assert client(tools=True).request(method, "/gradio_api/mcp/").status_code == 200
    assert client(tools=True).request(method, "/gradio_api/mcpx").status_code == 404


def test_a_file_of_the_page_is_there() -> None:
    assert client().get("/gradio_api/file=/tmp/gradio/ab/x y.png").status_code == 200
