"""Who watches the process learns whether it lives and can work, and nothing else."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from app.login import users
from app.login.users import add_user
from app.serving import health
from app.serving.front import build_front
from app.serving.health import HealthChecks
from app.serving.prepare import prepare_page
from app.workbench.page import build_workbench
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


def test_ready_while_the_queue_works() -> None:
    services = fake_services(FakeGenerator())
    page = build_workbench(services)
    prepare_page(page, services)
    routes = [Route("/{path:path}", lambda _: PlainTextResponse("inside"))]
    watched = TestClient(Starlette(routes=routes, middleware=build_front(services, page)))
    answer = watched.get("/readyz")
    assert (answer.status_code, answer.json()["queue"]) == (200, "ready")
    page._queue.stopped = True  # as an error of its own leaves it
    answer = watched.get("/readyz")
    assert (answer.status_code, answer.json()["queue"]) == (503, "failed")


def test_a_flood_of_questions_asks_the_database_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now, looks = [100.0], list[float]()

    def clock() -> float:
        return now[0]

    def look(_: Any) -> str:
        looks.append(now[0])
        time.sleep(0.2)  # the others come meanwhile
        return "ready" if len(looks) < 3 else "failed"

    monkeypatch.setattr(health, "database_state", look)
    watched = HealthChecks(PlainTextResponse("inside"), fake_services(FakeGenerator()), clock=clock)

    async def flood() -> list[Any]:
        transport = httpx.ASGITransport(watched)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            return await asyncio.gather(*(http.get("/readyz") for _ in range(50)))

    async def floods() -> None:
        assert {answer.json()["database"] for answer in await flood()} == {"ready"}
        now[0] += 0.75
        await flood()
        assert looks == [100.0]
        now[0] += 0.5
        await flood()
        assert looks == [100.0, 101.25]
        now[0] += 1.25
        assert {answer.status_code for answer in await flood()} == {503}
        assert len(looks) == 3

    asyncio.run(floods())


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
