"""Paths, hosts and origins as nobody meant them: a request gets what the guards take it for.

Behind the guards stand the real routers, Starlette's and Gradio's, with one word for each app.
"""

import base64
import ipaddress
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import anyio
import gradio as gr
import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import Message
from starlette.websockets import WebSocket

from app.login import users as users_module
from app.login.users import add_user
from app.serving.front import build_front
from app.serving.hosts import HostGuard
from app.serving.server import to_curator
from app.settings import LOCAL, AppSettings
from tests.fakes import FakeGenerator, fake_services

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get"]
CURATOR = "inside the curator"
PARTS = st.sampled_from(
    [
        *("curator", "CURATOR", "curator\n", "curator ", "%63urator", "login", "logout", "studio"),
        *("..", ".", "", "%2e%2e", ";", "\\", "_stcore", "stream", "gradio_api", "call", "ask"),
        *("file=", "config", "proxy=http://x", "openapi.json", "docs", "static", "healthz"),
    ]
)
PATHS = st.tuples(
    st.sampled_from(["/", "//", "", "/studio/", "/studio", "/curator/", "http://x/"]),
    st.lists(PARTS | st.text(max_size=4), max_size=6).map("/".join),
).map("".join)


def sent_to(app: Any, scope: dict[str, Any]) -> tuple[int, bytes]:
    """Status and body of what an application answers; a websocket is 101 or refused."""
    said: list[Message] = []

    async def receive() -> Message:
        if scope["type"] == "websocket":
            return {"type": "websocket.connect"}
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        said.append(message)

    async def answer() -> None:
        with anyio.fail_after(20):
            await app(scope, receive, send)

    anyio.run(answer)
    if scope["type"] == "websocket":
        return (101 if said[0]["type"] == "websocket.accept" else 403), b""
    status = next(one["status"] for one in said if one["type"] == "http.response.start")
    return status, b"".join(one.get("body", b"") for one in said)


def scope_of(
    path: str, method: str = "GET", headers: dict[str, str] | None = None, kind: str = "http"
) -> dict[str, Any]:
    """A request as uvicorn hands it over: `path` is decoded, `raw_path` is not."""
    pairs = {"host": "127.0.0.1", **(headers or {})}
    encoded = [(k.encode(), v.encode("latin-1", "replace")) for k, v in pairs.items()]
    http = {"method": method} if kind == "http" else {"subprotocols": []}
    return {
        "type": kind,
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http" if kind == "http" else "ws",
        "path": unquote(path),
        "raw_path": quote(path, safe="/%").encode(),
        "query_string": b"",
        "root_path": "",
        "headers": encoded,
        "client": ("127.0.0.1", 5),
        "server": ("127.0.0.1", 80),
        **http,
    }


async def curator_socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.close()


def studio(folder: Path, **settings: Any) -> FastAPI:
    """The front of the studio before a curator of one word and a page of Gradio, mounted as they
    are in `app.serving.server`.
    """
    services = fake_services(FakeGenerator(), **settings)
    app = FastAPI(middleware=build_front(services), docs_url=None, openapi_url=None)
    inside = Starlette(
        routes=[
            WebSocketRoute("/{path:path}", curator_socket),
            Route("/{path:path}", lambda _: PlainTextResponse(CURATOR), methods=METHODS[:7]),
        ]
    )
    app.add_api_route("/curator", to_curator)
    app.mount("/curator", inside)
    with gr.Blocks() as page:
        gr.Markdown("workbench")
    gr.mount_gradio_app(app, page, path="/", root_path=services.settings.root_path or None)
    return app


@pytest.fixture(scope="module")
def studios(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, FastAPI]]:
    """Studios where people log in: closed, open to visitors, and below /studio."""
    folder = tmp_path_factory.mktemp("paths")
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(users_module, "PasswordHasher", lambda: quick)
        for name in ("SPACE_ID", "SPACE_HOST", "OAUTH_CLIENT_ID", "GRADIO_SERVER_NAME"):
            patch.delenv(name, raising=False)
        add_user(folder / "users", "a-owner", "correct horse", role="owner")
        users = {"users": folder / "users"}
        yield {
            "closed": studio(folder, **users),
            "open": studio(folder, **users, open=True),
            "below": studio(folder, **users, open=True, root_path="/studio"),
        }


@given(
    st.sampled_from(["closed", "open", "below"]),
    PATHS,
    st.sampled_from(METHODS),
    st.sampled_from(["http", "websocket"]),
)
@example("open", "/curator/", "GET", "http")
@example("open", "//curator/", "GET", "http")
@example("below", "/studio/curator/x", "GET", "http")
@example("below", "/curator/_stcore/stream", "GET", "websocket")
@example("below", "/studio/studio/curator/", "GET", "http")
@example("open", "/%63urator/x", "GET", "http")
def test_no_path_leads_into_the_curator_without_a_login(
    studios: dict[str, FastAPI], which: str, path: str, method: str, kind: str
) -> None:
    status, body = sent_to(studios[which], scope_of(path, method, kind=kind))
    assert CURATOR.encode() not in body
    assert status < 500 and status != 101
    if which == "closed":  # nothing but how to log in, and whether it is well
        assert status in (200, 303, 307, 308, 400, 401, 403, 404, 405)
        assert b"workbench" not in body and b"gradio" not in body.lower()


@pytest.mark.parametrize("method", ["PUT", "DELETE", "get"])
def test_a_method_that_a_login_does_not_know_is_an_answer(
    studios: dict[str, FastAPI], method: str
) -> None:
    assert sent_to(studios["closed"], scope_of("/login", method))[0] == 405


@given(PATHS, st.sampled_from(METHODS))
@example("/curator/", "GET")
@example("/studio/curator/", "GET")
def test_with_a_login_the_curator_is_where_the_guards_take_it_to_be(
    studios: dict[str, FastAPI], path: str, method: str
) -> None:
    basic = "Basic " + base64.b64encode(b"a-owner:correct horse").decode()
    for which, root in (("open", ""), ("below", "/studio")):
        scope = scope_of(path, method, {"authorization": basic})
        decoded = scope["path"]
        below = decoded.removeprefix(root) if decoded.startswith(f"{root}/") else decoded
        _, body = sent_to(studios[which], scope)
        if CURATOR.encode() in body:
            assert below.startswith("/curator/")
        elif below.startswith("/curator/") and "\n" not in below:
            assert method not in METHODS[:3]  # else the guards refuse what is theirs


HOSTS = st.one_of(
    st.sampled_from(
        [
            *("127.0.0.1", "localhost", "LOCALHOST:80", "[::1]:7860", "::1", "127.0.0.1:80:80"),
            *("evil.com", "localhost.evil.com", "evil.com#localhost", "localhost@evil.com", ""),
            *("127.0.0.1.evil.com", "localhost:80@evil.com", "0x7f.1", "2130706433", "127.1"),
            *("studio.example", "studio.example:443", "studio.example.", "10.0.0.1", "[::]"),
        ]
    ),
    st.text(st.characters(max_codepoint=255), max_size=20),
)
ORIGINS = (
    st.none() | st.sampled_from(["null", "", "http://", "file://"]) | HOSTS.map("http://{}".format)
)


@given(HOSTS, ORIGINS, st.sampled_from(["GET", "POST", "PUT"]), st.booleans())
def test_only_its_own_names_and_its_own_pages_are_answered(
    host: str, origin: str | None, method: str, allows: bool
) -> None:
    settings = AppSettings(host="127.0.0.1", open=True, allowed_hosts=["studio.example"] * allows)
    app = HostGuard(PlainTextResponse("inside"), settings)
    headers = {"host": host} | ({} if origin is None else {"origin": origin})
    status, body = sent_to(app, scope_of("/", method, headers))
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    own = [*LOCAL, "[::1]", *(["studio.example"] * allows)]
    if body == b"inside":
        assert name.lower() in own
        if method != "GET" and origin is not None:
            site = origin.lower().partition("://")[2]
            assert site == host.lower() or (allows and site.startswith("studio.example"))
    else:
        assert status in (400, 403) and len(body.splitlines()) == 1


@given(st.ip_addresses() | st.just(ipaddress.ip_address("::ffff:127.0.0.1")))
def test_where_anyone_is_owner_only_this_machine_is_answered(address: Any) -> None:
    app = HostGuard(PlainTextResponse("inside"), AppSettings(host="127.0.0.1"))
    scope = scope_of("/") | {"client": (str(address), 5)}
    mapped = getattr(address, "ipv4_mapped", None) or address
    assert (sent_to(app, scope)[0] == 200) == mapped.is_loopback
