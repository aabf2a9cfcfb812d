"""Each request has an id, which the answer names; what became of it is logged and measured."""

import logging

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from app.metrics import Metrics, note_refusal, use_metrics
from app.request_info import current_request, note_role, reference
from app.serving.request_log import RequestLog

PROXY = ("203.0.113.9", 0)
"""A sender whom a trusted proxy names: uvicorn knows no port of theirs."""


class Noted(Metrics):
    def __init__(self) -> None:
        self.answers: list[tuple[str, str, int]] = []
        self.reasons: list[str] = []

    def answered(self, app: str, kind: str, status: int, seconds: float) -> None:
        self.answers.append((app, kind, status))

    def refused(self, reason: str) -> None:
        self.reasons.append(reason)


def inside(request: Request) -> Response:
    note_role("curator")
    return PlainTextResponse(f"{reference()} {request.headers['x-request-id']}")


def broken(request: Request) -> Response:
    raise RuntimeError("what the visitor wrote")


def full(request: Request) -> Response:
    return PlainTextResponse("", 413 if "upload" in request.url.path else 503)


def closed(request: Request) -> Response:
    note_refusal("host")
    return PlainTextResponse("", 400)


async def talk(websocket: WebSocket) -> None:
    if websocket.query_params:
        raise RuntimeError("what the visitor wrote")
    await websocket.accept()
    await websocket.send_text(reference())
    await websocket.close()


ROUTES = [
    Route("/", inside),
    Route("/config", broken),
    Route("/gradio_api/upload", full, methods=["POST"]),
    Route("/gradio_api/queue/join", full, methods=["POST"]),
    Route("/theme.css", inside),
    Route("/closed", closed),
    WebSocketRoute("/curator/_stcore/stream", talk),
]


@pytest.fixture
def noted() -> Noted:
    noted = Noted()
    use_metrics(noted)
    return noted


def client(sender: tuple[str, int] = ("198.51.100.1", 4711)) -> TestClient:
    app = Starlette(routes=ROUTES, middleware=[Middleware(RequestLog)])
    return TestClient(app, client=sender)


def test_each_request_has_an_id_and_the_answer_names_it() -> None:
    first, second = client().get("/"), client().get("/")
    for answer in (first, second):
        assert answer.text == f"{answer.headers['x-request-id']} {answer.headers['x-request-id']}"
    assert first.text != second.text


@pytest.mark.parametrize("given", ["a-1", "A" * 64])
def test_the_id_of_a_trusted_proxy_is_taken(given: str) -> None:
    assert client(PROXY).get("/", headers={"x-request-id": given}).text == f"{given} {given}"
    assert given not in client().get("/", headers={"x-request-id": given}).text


@pytest.mark.parametrize("given", ["", "A" * 65, "a b", "a\\n", "ä", "a_b", "<b>"])
def test_an_id_that_could_do_harm_is_not_taken(given: str) -> None:
    answer = client(PROXY).get("/", headers={"x-request-id": given.encode()})
    assert answer.text.split()[0] == answer.headers["x-request-id"] != given


def test_what_became_of_it_is_logged_without_address_and_name(
    caplog: pytest.LogCaptureFixture, noted: Noted
) -> None:
    caplog.set_level(logging.INFO, "app.requests")
    client().get("/?tab=secret")
    client().get("/theme.css")  # at debug
    client().get("/secret")
    first, second = (one for one in caplog.records if one.name == "app.requests")
    fields = {"method": "GET", "app": "workbench", "kind": "page", "status": 200, "role": "curator"}
    assert first.fields == fields | {"ms": first.fields["ms"]}
    assert second.fields["kind"] == "other" and "secret" not in caplog.text
    assert noted.answers[-1] == ("other", "other", 404)


def test_an_unexpected_error_is_told_with_its_reference(
    caplog: pytest.LogCaptureFixture, noted: Noted
) -> None:
    answer = client().get("/config")
    told = f"Something went wrong here (reference {answer.headers['x-request-id']})."
    assert (answer.status_code, answer.text) == (500, told)
    assert "RuntimeError" in caplog.text and noted.answers == [("workbench", "page", 500)]


def test_refusals_are_counted_once(noted: Noted, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "app.requests")
    client().post("/gradio_api/upload")
    client().post("/gradio_api/queue/join")
    client().get("/closed")
    assert noted.reasons == ["size", "queue full", "host"]
    assert "nobody, refused: queue full" in caplog.text


def test_a_websocket(noted: Noted) -> None:
    with client().websocket_connect("/curator/_stcore/stream") as talking:
        headers = {name.decode(): value.decode() for name, value in talking.extra_headers}
        assert talking.receive_text() == headers["x-request-id"]
    for address in ("/curator/_stcore/stream?a=1", "/nowhere"):
        with pytest.raises(WebSocketDisconnect), client().websocket_connect(address):
            pass
    statuses = [status for _, _, status in noted.answers]
    assert statuses == [101, 500, 403]


def test_after_it_other_work_has_none(noted: Noted) -> None:
    client().get("/")
    assert current_request() is None
