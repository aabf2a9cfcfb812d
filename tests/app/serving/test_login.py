"""Nothing is reached without a name and its password."""

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from app.basic_auth import credentials
from app.serving.login import BasicLogin
from app.serving.users import add_user, read_users


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    async def greet(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("hello")
        await websocket.close()

    routes = [Route("/", lambda _: PlainTextResponse("inside")), WebSocketRoute("/talk", greet)]
    add_user(tmp_path / "users", "ada", "correct horse")
    return TestClient(BasicLogin(Starlette(routes=routes), read_users(tmp_path / "users")))


def test_page(client: TestClient) -> None:
    refused = client.get("/")
    assert refused.status_code == 401 and refused.headers["www-authenticate"].startswith("Basic")
    assert client.get("/", auth=("ada", "wrong")).status_code == 401
    assert client.get("/", auth=("", "")).status_code == 401
    assert client.get("/", auth=("ada", "correct horse")).text == "inside"


def test_websocket(client: TestClient) -> None:
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/talk"):
        pass
    headers = client.get("/", auth=("ada", "correct horse")).request.headers
    let_in = {"authorization": headers["authorization"]}
    with client.websocket_connect("/talk", headers=let_in) as talk:
        assert talk.receive_text() == "hello"


@pytest.mark.parametrize(
    "value", [b"Basic ???", b"Bearer abc", b"Basic", b"Basic /w==", b"Basic YW!RhOnB3"]
)
def test_nonsense_is_nobody(value: bytes) -> None:
    assert credentials([(b"authorization", value)])[0] == ""
