"""So many requests of one visitor are open at once, however slowly they are read."""

import asyncio
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from app.metrics import Metrics, use_metrics
from app.roles import VISITOR_HEADER, Role, Visitor, header_of
from app.serving import open_requests as module
from app.serving.open_requests import OpenRequests


class Waiting:
    """An app whose answers end when they are told to, some of them badly."""

    def __init__(self) -> None:
        self.end = asyncio.Event()
        self.fails = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.end.wait()
        if self.fails:
            raise OSError("no")
        await send({"type": "http.response.start", "status": 200, "headers": []})


async def ask(
    app: OpenRequests,
    address: str = "10.0.0.1",
    *,
    role: Role = "visitor",
    name: str = "",
    kind: str = "http",
) -> list[Any]:
    """What is answered."""
    answers: list[Any] = []

    async def send(message: Any) -> None:
        answers.append(message)

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    headers = [(VISITOR_HEADER.encode(), header_of(Visitor(role=role, name=name)))]
    scope = {"type": kind, "method": "GET", "path": "/", "client": (address, 1), "headers": headers}
    await app(scope, receive, send)
    return answers


async def hold(app: OpenRequests, *who: dict[str, Any]) -> list[asyncio.Task[list[Any]]]:
    """Requests that are open, or were refused."""
    tasks = [asyncio.create_task(ask(app, **one)) for one in who]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_ONCE", {"visitor": 3, "curator": 5, "owner": 5})


def test_a_visitor_holds_so_many_open_and_others_as_many() -> None:
    async def run() -> None:
        waiting = Waiting()
        app = OpenRequests(waiting)
        tasks = await hold(app, *[{}] * 3, *[{"address": "10.0.0.2"}] * 3, *[{"name": "eve"}] * 3)
        assert not [task for task in tasks if task.done()]
        refused = await ask(app)
        assert refused[0]["status"] == 429 and (b"retry-after", b"5") in refused[0]["headers"]
        assert b'"detail":"Too many requests are open' in refused[1]["body"]
        assert (await ask(app, name="eve", address="10.9.9.9"))[0]["status"] == 429
        waiting.end.set()
        assert [(await task)[0]["status"] for task in tasks] == [200] * 9
        assert (await ask(app))[0]["status"] == 200
        assert not app.open, "nobody is remembered"

    asyncio.run(run())


def test_a_large_network_holds_a_few_shares() -> None:
    async def run() -> None:
        app = OpenRequests(Waiting())
        visitors = [{"address": f"2001:db8:1:{number:x}::1"} for number in range(20)]
        tasks = await hold(app, *visitors)
        assert [task.done() for task in tasks] == [False] * 15 + [True] * 5
        other = await hold(app, {"address": "2001:db8:2::1"})
        assert not other[0].done()
        for task in (*tasks, *other):
            task.cancel()
        await asyncio.gather(*tasks, *other, return_exceptions=True)
        assert not app.open

    asyncio.run(run())


@pytest.mark.parametrize("ending", ["failed", "cancelled"])
def test_what_ends_badly_is_not_open_any_more(ending: str) -> None:
    async def run() -> None:
        waiting = Waiting()
        app, waiting.fails = OpenRequests(waiting), True
        tasks = await hold(app, *[{}] * 3)
        waiting.end.set() if ending == "failed" else [task.cancel() for task in tasks]
        await asyncio.gather(*tasks, return_exceptions=True)
        assert not app.open
        waiting.fails = False
        waiting.end.set()
        assert (await ask(app))[0]["status"] == 200

    asyncio.run(run())


def test_websockets_count_too_and_refusals_are_measured() -> None:
    class Counting(Metrics):
        reasons: list[str] = []

        def refused(self, reason: str) -> None:
            self.reasons.append(reason)

    async def run() -> None:
        app = OpenRequests(Waiting())
        curator = {"role": "curator", "name": "ada"}
        tasks = await hold(app, *[curator] * 3, *[{**curator, "kind": "websocket"}] * 2)
        assert not [task for task in tasks if task.done()]
        refused = await ask(app, kind="websocket", role="curator", name="ada")
        assert refused == [{"type": "websocket.close", "code": 1008}]
        assert Counting.reasons == ["open"]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    use_metrics(Counting())
    asyncio.run(run())
