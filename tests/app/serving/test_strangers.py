"""What strangers may take, tried on a studio that anyone may use, served both ways."""

import time
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from app.serving.gradio_options import SESSIONS
from app.serving.open_requests import AT_ONCE
from tests.app.serving.served import served

PATIENCE = 20.0
"""Seconds for one answer."""
NAME = "studio.example.com"


@pytest.fixture(scope="module", params=["mounted", "launched"])
def studio(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp(request.param)
    with (
        served(request.param, folder, BLIP2_OPEN="1", BLIP2_ALLOWED_HOSTS=NAME) as address,
        httpx.Client(base_url=address, timeout=PATIENCE, trust_env=False) as http,
    ):
        http.folder = folder  # type: ignore[attr-defined]
        yield http


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", NAME])
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/config",
        "/healthz",
        "/gradio_api/info",
        "/gradio_api/queue/join",
        "/curator/_stcore/health",
        "/curator/_stcore/upload_file/a/b",
    ],
)
def test_no_page_of_another_site_may_read_an_answer(studio: Any, path: str, host: str) -> None:
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "x-own"}
    for origin in ("https://evil.com", "http://localhost:3000", "http://localhost:8501", "null"):
        foreign = {"host": host, "origin": origin}
        preflight = studio.options(path, headers=foreign | asked)
        for answer in (studio.get(path, headers=foreign), preflight):
            told = [name for name in answer.headers if name.startswith("access-control-")]
            assert not told, (answer.request.method, origin, told)
        assert not preflight.is_success, "it is a request like any other"


def test_a_stranger_holds_so_many_answers_open(studio: Any) -> None:
    most = AT_ONCE["visitor"]
    heartbeats = [f"/gradio_api/heartbeat/s{number}" for number in range(most + 1)]
    someone, other = ({"x-forwarded-for": address} for address in ("10.0.0.1", "10.0.0.2"))
    limits = httpx.Limits(max_connections=None)
    address = studio.base_url
    with httpx.Client(base_url=address, timeout=PATIENCE, trust_env=False, limits=limits) as http:
        with ExitStack() as held:
            answers = [
                held.enter_context(http.stream("GET", path, headers=someone)).status_code
                for path in heartbeats
            ]
            assert answers == [200] * most + [429]
            assert http.get("/config", headers=someone).status_code == 429
            assert http.get("/config", headers=other).status_code == 200
        end = time.monotonic() + 60  # the server notices that they are closed
        while http.get("/config", headers=someone).status_code == 429 and time.monotonic() < end:
            time.sleep(0.1)
        assert http.get("/config", headers=someone).status_code == 200


@pytest.mark.parametrize("name", ["", "x" * 101])
def test_a_session_without_a_name_stops_nobodys_queue(studio: Any, name: str) -> None:
    """Without one the queue ended for everybody; long ones stay in memory."""
    (caption,) = (
        event["id"]
        for event in studio.get("/config").json()["dependencies"]
        if event["api_name"] == "caption"
    )
    asked = {"fn_index": caption, "data": [None] * 7, "session_hash": name}
    for _ in range(3):
        assert studio.post("/gradio_api/queue/join", json=asked).status_code == 400
    joined = studio.post("/gradio_api/queue/join", json=asked | {"session_hash": "a name"})
    assert joined.status_code == 200, joined.text


@pytest.mark.parametrize("path", ["/gradio_api/reset", "/gradio_api/queue/join", "/login"])
def test_a_large_body_is_not_read(studio: Any, path: str) -> None:
    """It took a minute to read, in which nobody else was answered."""
    large = b'{"data":[' + b"[]," * 400_000 + b"[]]}"
    answer = studio.post(path, content=large, headers={"content-type": "application/json"})
    assert answer.status_code == 413 and "more than a request may bring" in answer.text


def test_a_form_in_another_charset_is_not_decoded(studio: Any) -> None:
    """Punycode of a megabyte took half a minute, in which nobody else was answered."""
    for boundary in ("xx", "utf-8"):
        kind = f"multipart/form-data; boundary={boundary}; charset=punycode"
        for path in ("/gradio_api/upload", "/login"):
            part = f'--{boundary}\r\nContent-Disposition: form-data; name="a"\r\n\r\n'
            body = f"{part}{'a' * 200_000}\r\n--{boundary}--\r\n"
            answer = studio.post(path, content=body, headers={"content-type": kind})
            assert answer.status_code in (400, 404, 405, 413, 415), (path, answer.status_code)
    upload = studio.post("/gradio_api/upload", content=body, headers={"content-type": kind})
    assert upload.status_code == 415


def test_a_stranger_with_many_sessions_pushes_out_nobody_elses(studio: Any) -> None:
    page = studio.get("/config").json()
    shown = {one["id"]: one["props"].get("value") for one in page["components"]}
    ask, show, decide = (
        next(event for event in page["dependencies"] if event["api_name"].startswith(name))
        for name in ("on_ask", "show_chat", "on_decide")
    )
    ada, eve = ({"x-forwarded-for": address} for address in ("10.0.0.3", "10.0.0.4"))
    about = {"event_data": None, "trigger_id": None}

    def answer(event: Any, question: str = "") -> str:
        """What an event of the session "ada" shows."""
        values = [shown[number] for number in event["inputs"]]
        values[1:2] = [question] * len(values[1:2])
        asked = about | {"fn_index": event["id"], "data": values, "session_hash": "ada"}
        joined = studio.post("/gradio_api/queue/join", json=asked, headers=ada)
        assert joined.status_code == 200, joined.text
        path = "/gradio_api/queue/data?session_hash=ada"
        return str(studio.get(path, headers=ada).text)

    assert "Whose hat is it?" in answer(ask, "Whose hat is it?")
    for number in range(SESSIONS + 20):
        asked = about | {"fn_index": decide["id"], "data": [None], "session_hash": f"eve {number}"}
        studio.post("/gradio_api/run/predict", json=asked, headers=eve)
    assert "Whose hat is it?" in answer(show)
