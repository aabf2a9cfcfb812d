"""Every answer, refusals too, says what a browser may do with it."""

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from app.serving.headers import SecurityHeaders
from app.serving.hosts import HostGuard
from app.settings import AppSettings


def client(**headers: str) -> TestClient:
    inside = Route("/", lambda _: PlainTextResponse("inside", headers=headers))
    guard = Middleware(HostGuard, settings=AppSettings())
    return TestClient(Starlette(routes=[inside], middleware=[Middleware(SecurityHeaders), guard]))


def sources(answer: Any) -> dict[str, str]:
    parts = answer.headers["content-security-policy"].split("; ")
    return dict(part.split(" ", 1) for part in parts)


@pytest.mark.parametrize("host", ["localhost", "evil.com"])
def test_nothing_from_elsewhere_and_in_no_foreign_frame(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SPACE_ID", raising=False)
    answer = client().get("/", headers={"host": host})
    assert answer.status_code == (200 if host == "localhost" else 400)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    found = sources(answer)
    assert found["frame-ancestors"] == "'self'" and found["object-src"] == "'none'"
    assert "//" not in answer.headers["content-security-policy"], "no other site"
    assert {"default-src", "form-action", "base-uri"} <= found.keys()


def test_a_space_stands_in_a_frame_of_hugging_face(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_ID", "ada/studio")
    answer = client().get("/", headers={"host": "localhost"})
    assert sources(answer)["frame-ancestors"] == (
        "'self' https://huggingface.co https://*.hf.space"
    )
    assert "x-frame-options" not in answer.headers


def test_an_answer_keeps_its_own() -> None:
    answer = client(**{"referrer-policy": "no-referrer"}).get("/", headers={"host": "localhost"})
    assert answer.headers.get_list("referrer-policy") == ["no-referrer"]


def test_no_page_of_another_site_is_let_read_an_answer() -> None:
    allowed = {"Access-Control-Allow-Origin": "*", "access-control-allow-credentials": "true"}
    answer = client(**allowed, vary="Origin").get("/", headers={"host": "localhost"})
    assert answer.headers["vary"] == "Origin" and answer.text == "inside"
    assert not [name for name in answer.headers if name.startswith("access-control-")]
