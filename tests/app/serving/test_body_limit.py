"""What a request may bring, before anybody holds it in memory."""

from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from app.serving.body_limit import BodyLimit
from app.settings import AppSettings

JOIN, UPLOAD = "/gradio_api/queue/join", "/gradio_api/upload"
PATHS = [JOIN, UPLOAD, "/gradio_api/call/ask", "/gradio_api/cancel", "/login", "/curator/x", "/"]
LARGE = b"x" * 1_000_001


async def inside(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


@pytest.fixture
def client() -> TestClient:
    routes = [Route("/{path:path}", inside, methods=["GET", "POST"])]
    return TestClient(BodyLimit(Starlette(routes=routes), AppSettings(max_upload=1)))


def pieces() -> Iterator[bytes]:
    yield b"piece"


@pytest.mark.parametrize("path", PATHS)
def test_a_body_without_a_length_is_not_read(client: TestClient, path: str) -> None:
    assert client.post(path, content=pieces()).status_code == 411
    both = {"content-length": "5", "transfer-encoding": "chunked"}
    assert client.post(path, content=pieces(), headers=both).status_code == 411


@pytest.mark.parametrize("path", PATHS)
def test_what_is_no_upload_is_small(client: TestClient, path: str) -> None:
    has_limits_of_its_own = path in (UPLOAD, "/curator/x")
    assert client.post(path, content=LARGE).status_code == (200 if has_limits_of_its_own else 413)
    assert client.post(path, content=LARGE[1:]).text == "1000000"
    assert client.post(path).text == "0"
    assert client.get("/").status_code == 200


def test_the_call_of_a_tool_may_bring_an_image(client: TestClient) -> None:
    """As text, which is a third larger than the file."""
    assert client.post("/gradio_api/mcp/", content=LARGE + LARGE[2:]).status_code == 200
    assert client.post("/gradio_api/mcp/", content=LARGE + LARGE).status_code == 413


@pytest.mark.parametrize("length", ["-1", "x", "1" * 5_000, "0" * 20 + "9" * 9])
def test_a_length_that_is_none(client: TestClient, length: str) -> None:
    sent = {"content-length": length}
    assert client.post(JOIN, content=b"", headers=sent).status_code == 413


def test_an_address_has_an_end(client: TestClient) -> None:
    """Gradio keeps the names of uploads that are asked for."""
    path = "/gradio_api/upload_progress"
    assert client.get(f"{path}?upload_id={'x' * 3_900}").status_code == 200
    assert client.get(f"{path}?upload_id={'x' * 4_000}").status_code == 414
    assert client.get(f"/{'x' * 4_000}").status_code == 414
