"""Who watches the process learns whether it lives and can work, and nothing else."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from app.login import users
from app.login.users import add_user
from app.serving.front import build_front
from blip2core.errors import ModelUnavailableError
from blip2core.storage.database import open_database
from tests.fakes import FakeGenerator, fake_services


def client(services: Any) -> TestClient:
    routes = [Route("/{path:path}", lambda _: PlainTextResponse("inside"))]
    return TestClient(Starlette(routes=routes, middleware=build_front(services)))


@pytest.mark.parametrize(
    ("generator", "state", "status"),
    [
        (FakeGenerator(), "ready", 200),
        (None, "loading", 503),
        (ModelUnavailableError("/home/secret"), "failed", 503),
    ],
)
def test_ready_when_the_model_is(generator: Any, state: str, status: int) -> None:
    watched = client(fake_services(generator))
    assert (watched.get("/healthz").status_code, watched.get("/healthz").text) == (200, "ok")
    answer = watched.get("/readyz")
    assert answer.status_code == status
    assert answer.json() == {"models": state, "database": "none"}


def test_ready_when_the_database_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'studio.db'}")
    services = replace(fake_services(FakeGenerator()), database=database)
    assert client(services).get("/readyz").json() == {"models": "ready", "database": "ready"}
    database.close()

    def fail() -> None:
        raise OSError(5, "Input/output error", "/home/secret")

    monkeypatch.setattr(type(database), "read", lambda self: fail())
    answer = client(services).get("/readyz")
    assert answer.status_code == 503 and answer.json()["database"] == "failed"
    assert "secret" not in answer.text


def test_nobody_logs_in_for_it_and_any_name_will_do(tmp_path: Path) -> None:
    add_user(tmp_path / "users", "ada", "correct horse")
    watched = client(fake_services(FakeGenerator(), users=tmp_path / "users"))
    pod = {"host": "studio.cluster.internal"}
    for path in ("/healthz", "/readyz"):
        answer = watched.get(path, headers=pod)
        assert answer.status_code == 200 and answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert watched.get("/", headers=pod).status_code == 400
    assert watched.get("/healthz/").status_code == 400
    assert watched.post("/readyz", headers={"host": "localhost"}).status_code == 401


def test_a_file_of_users_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "users"
    add_user(file, "ada", "correct horse")
    kept = file.read_bytes()
    watched = client(fake_services(FakeGenerator(), users=file))
    ready = {"models": "ready", "database": "none", "users": "ready"}
    assert watched.get("/readyz").json() == ready
    file.unlink()
    assert watched.get("/readyz").json() == ready, "an editor replaces a file in steps"
    monkeypatch.setattr(users, "KEPT_SECONDS", 0.0)
    answer = watched.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {**ready, "users": "failed"})
    file.write_bytes(kept)
    assert watched.get("/readyz").status_code == 200
