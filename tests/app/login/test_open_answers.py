"""Websockets and event streams that are open end with the login, also where nobody says a word."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from app.login import open_answers, users
from app.login.access import Access
from app.login.middleware import Login
from app.login.users import add_user
from tests.app.login.clock import Clock
from tests.app.login.test_middleware import PASSWORD, access_of

HOUR, PATIENCE = 3_600.0, 15.0


class Inside:
    """An app whose answers stay open; it says when it was told that the browser has gone."""

    def __init__(self) -> None:
        self.ended, self.sent = 0, 0
        self.after: tuple[int, Callable[[], None]] | None = None
        """What to do once so many parts of an answer were sent."""
        self.app = Starlette(
            routes=[
                WebSocketRoute("/quiet", self.quiet),
                WebSocketRoute("/ticks", self.tick),
                Route("/events", self.events),
                Route("/file", self.file),
            ]
        )

    async def quiet(self, websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            while True:
                await asyncio.wait_for(websocket.receive_text(), PATIENCE)
        except TimeoutError:  # else a test that fails would wait for ever
            await websocket.close()
        except WebSocketDisconnect:
            self.ended += 1

    async def tick(self, websocket: WebSocket) -> None:
        await websocket.accept()
        for _ in range(1_000):
            await websocket.send_text("tick")
            self.sent += 1
            await asyncio.sleep(0.01)
        await websocket.close()

    def events(self, request: Request) -> StreamingResponse:
        return StreamingResponse(self._parts(), media_type="text/event-stream")

    def file(self, request: Request) -> StreamingResponse:
        return StreamingResponse(self._parts(most=50), media_type="application/zip")

    async def _parts(self, most: int = 1_000) -> AsyncIterator[str]:
        try:
            for _ in range(most):
                yield "data: x\n\n"
                self.sent += 1
                if self.after is not None and self.sent == self.after[0]:
                    self.after[1]()
                await asyncio.sleep(0.01)
        finally:
            self.ended += 1


@pytest.fixture
def file(tmp_path: Path) -> Path:
    add_user(tmp_path / "users", "ada", PASSWORD, role="owner")
    add_user(tmp_path / "users", "bob", PASSWORD, role="curator")
    return tmp_path / "users"


@pytest.fixture
def inside() -> Inside:
    return Inside()


@pytest.fixture
def access(file: Path, monkeypatch: pytest.MonkeyPatch) -> Access:
    monkeypatch.setattr(open_answers, "WATCH_SECONDS", 0.02)
    return access_of(users=file)


@contextmanager
def logged_in(access: Access, inside: Inside) -> Iterator[TestClient]:
    with TestClient(Login(inside.app, access)) as client:
        assert client.post("/login", data={"username": "bob", "password": PASSWORD}).is_success
        yield client


def log_out(access: Access, file: Path) -> None:
    (session,) = access.sessions._all()
    access.sessions.end(session)


def age(access: Access, file: Path) -> None:
    (session,) = access.sessions._all()
    session.began -= 31 * 24 * HOUR


def leave_unused(access: Access, file: Path) -> None:
    (session,) = access.sessions._all()
    session.used -= 13 * HOUR


def take_out(access: Access, file: Path) -> None:
    ada, _ = file.read_text().splitlines()
    file.write_text(f"{ada}\n")


def give_another_role(access: Access, file: Path) -> None:
    file.write_text(file.read_text().replace("bob:curator", "bob:visitor"))


def give_another_password(access: Access, file: Path) -> None:
    add_user(file, "bob", "another horse")


def damage(access: Access, file: Path) -> None:
    assert access.passwords is not None
    access.passwords.users._clock = clock = Clock()
    file.write_text("nonsense\n")
    assert access.passwords.users.are_known()
    clock.now += users.KEPT_SECONDS


ENDS = [log_out, age, leave_unused, take_out, give_another_role, give_another_password, damage]
End = Callable[[Access, Path], None]
ending = pytest.mark.parametrize("end", ENDS)


@ending
def test_a_websocket_closes_though_nobody_says_a_word(
    end: End, access: Access, file: Path, inside: Inside
) -> None:
    with logged_in(access, inside) as client, client.websocket_connect("/quiet") as talk:
        end(access, file)
        with pytest.raises(WebSocketDisconnect) as closed:
            talk.receive_text()
        assert closed.value.code == 1008


@ending
def test_nothing_more_is_sent(
    end: End, access: Access, file: Path, inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even before it is looked again."""
    monkeypatch.setattr(open_answers, "WATCH_SECONDS", HOUR)
    with logged_in(access, inside) as client:
        with client.websocket_connect("/ticks") as talk:
            assert talk.receive_text() == "tick"
            end(access, file)
            got = 0
            with pytest.raises(WebSocketDisconnect):
                while talk.receive_text():
                    got += 1
            assert got < 900, "those of before were on their way"


@ending
def test_a_message_of_who_is_out_does_not_reach_the_app(
    end: End, access: Access, file: Path, inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_answers, "WATCH_SECONDS", HOUR)
    with logged_in(access, inside) as client:
        with client.websocket_connect("/quiet") as talk:
            end(access, file)
            talk.send_text("still here?")
            with pytest.raises(WebSocketDisconnect) as closed:
                talk.receive_text()
            assert closed.value.code == 1008
        assert inside.ended == 1, "the app is told that the browser has gone"


def events_of(client: TestClient, asked: dict[str, Any]) -> list[str]:
    with client.stream("GET", "/events", **asked) as answer:
        assert answer.status_code == 200
        return list(answer.iter_lines())


@ending
def test_an_event_stream_ends(end: End, access: Access, file: Path, inside: Inside) -> None:
    """The test's client reads whole answers, so the end comes when the app has sent some."""
    inside.after = 20, partial(end, access, file)
    with logged_in(access, inside) as client:
        lines = events_of(client, {})
    assert 10 < len(lines) < 1_800 and inside.ended == 1


@pytest.mark.parametrize("end", [take_out, give_another_role, give_another_password, damage])
def test_an_event_stream_ends_that_a_password_came_with(
    end: End, access: Access, file: Path, inside: Inside
) -> None:
    inside.after = 20, partial(end, access, file)
    sent = {"authorization": "Basic " + b64encode(f"bob:{PASSWORD}".encode()).decode()}
    with TestClient(Login(inside.app, access)) as client:
        lines = events_of(client, {"headers": sent})
    assert 10 < len(lines) < 1_800


def test_a_file_that_is_being_sent_is_sent_whole(
    access: Access, file: Path, inside: Inside
) -> None:
    inside.after = 10, partial(log_out, access, file)
    with logged_in(access, inside) as client:
        assert client.get("/file").text.count("data") == 50
        assert client.get("/file").status_code == 401


def test_who_stays_logged_in_gets_everything(access: Access, inside: Inside) -> None:
    with logged_in(access, inside) as client:
        with client.websocket_connect("/ticks") as talk:
            assert [talk.receive_text() for _ in range(50)] == ["tick"] * 50


def test_what_is_said_counts_as_use(access: Access, inside: Inside) -> None:
    with logged_in(access, inside) as client, client.websocket_connect("/quiet") as talk:
        (session,) = access.sessions._all()
        session.used = before = session.used - HOUR
        talk.send_text("here")
        for _ in range(500):
            if session.used > before:
                break
            client.portal.call(asyncio.sleep, 0.01)  # type: ignore[union-attr]
        assert session.used > before + HOUR / 2
