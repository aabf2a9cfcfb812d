"""Strangers get so much and no more, each for themselves; curators and owners do not notice."""

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from app.request_info import RequestInfo, set_request
from app.roles import VISITOR_HEADER, Role, Visitor, header_of
from app.serving import quotas as module
from app.serving.quotas import RATINGS, Quotas
from app.settings import AppSettings
from app.shares import shares

JOIN, UPLOAD = "/gradio_api/queue/join", "/gradio_api/upload"


def studio(**settings: Any) -> Quotas:
    async def inside(request: Any) -> PlainTextResponse:
        await request.body()
        return PlainTextResponse("inside")

    routes = [Route("/{path:path}", inside, methods=["GET", "POST"])]
    return Quotas(Starlette(routes=routes), AppSettings(**settings))


def visit(app: Quotas, role: Role = "visitor", name: str = "", address: str = "10.0.0.1") -> Any:
    header = header_of(Visitor(role=role, name=name)).decode()
    return TestClient(app, headers={VISITOR_HEADER: header}, client=(address, 1))


def statuses(client: TestClient, path: str, times: int) -> list[int]:
    return [client.post(path).status_code for _ in range(times)]


def test_a_visitor_asks_so_often_in_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    app = studio(visitor_requests=3)
    assert statuses(visit(app), JOIN, 5) == [200, 200, 200, 429, 429]
    told = visit(app).post(JOIN)
    assert "a lot in one minute" in told.json()["detail"]
    assert 0 < int(told.headers["retry-after"]) <= 60
    for path in ("/gradio_api/call/ask", "/gradio_api/mcp/", UPLOAD):
        assert statuses(visit(app), path, 1) == [429], "all of it counts"
    assert statuses(visit(app, address="10.0.0.2"), JOIN, 1) == [200]
    assert statuses(visit(app, name="eve"), JOIN, 4) == [200, 200, 200, 429]
    assert statuses(visit(app, name="eve", address="10.9.9.9"), JOIN, 1) == [429]
    assert visit(app).get("/config").status_code == 200


def test_a_visitor_opens_so_many_pages_in_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEAST_PAGES", 2)
    app = studio(visitor_requests=15)
    answers = [visit(app).get(path) for path in ("/", "/config", "/config/", "/")]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert "a lot in one minute" in answers[-1].text and answers[-1].headers["retry-after"]
    assert visit(app).head("/").status_code == 429
    assert statuses(visit(app), JOIN, 3) == [200] * 3, "pages and requests count apart"
    assert visit(app).get("/assets/index.js").status_code == 200
    assert visit(app, address="10.0.0.2").get("/").status_code == 200
    assert visit(app, "curator", "ada").get("/").status_code == 200
    assert [visit(studio(visitor_requests=1)).get("/").status_code for _ in range(2)] == [200] * 2


@pytest.mark.parametrize("role", ["curator", "owner"])
def test_others_ask_as_often_as_they_like(role: Role) -> None:
    app = studio(visitor_requests=3, visitor_uploads=1)
    assert set(statuses(visit(app, role, "ada"), JOIN, 20)) == {200}
    large = b"x" * 900_000
    for _ in range(3):
        assert visit(app, role, "ada").post(UPLOAD, content=large).status_code == 200


def test_a_visitor_uploads_so_much_in_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [time.time()]
    monkeypatch.setattr(time, "time", lambda: now[0])
    app = studio(visitor_uploads=1)
    part = b"x" * 400_000

    def upload(**who: str) -> int:
        return visit(app, **who).post(UPLOAD, content=part).status_code

    assert [upload(), upload(), upload()] == [200, 200, 413]
    assert "1 MB a day" in visit(app).post(UPLOAD, content=part).text
    assert upload(address="10.0.0.2") == upload(name="eve") == 200
    now[0] += 24 * 3_600 + 1
    assert upload() == 200


def test_a_large_network_gets_a_few_shares_and_not_one_for_each_address() -> None:
    app = studio(visitor_requests=2, visitor_uploads=1)

    def told(path: str, content: bytes = b"") -> list[int]:
        visitors = [visit(app, address=f"2001:db8:1:{number:x}::1") for number in range(20)]
        return [visitor.post(path, content=content).status_code for visitor in visitors]

    assert told(UPLOAD, b"x" * 900_000).count(200) == 5, "MB"
    assert told(JOIN).count(429) == 20, "ten in a minute, which the uploads were"
    assert visit(app, address="2001:db8:2::1").post(JOIN).status_code == 200
    assert visit(app, name="eve", address="2001:db8:1::1").post(JOIN).status_code == 200


def test_all_uploads_have_room_together(uploads: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "upload_folder", lambda: uploads / "of this test")
    (uploads / "of this test" / "a").mkdir(parents=True)
    (uploads / "of this test" / "a" / "b.png").write_bytes(b"x" * 600_000)
    app = studio(max_uploads=1)
    assert visit(app, "owner").post(UPLOAD, content=b"x" * 300_000).status_code == 200
    full = visit(app, "owner").post(UPLOAD, content=b"x" * 300_000)
    assert full.status_code == 507 and full.text.startswith("There is no room")
    monkeypatch.setattr(module, "MEASURED_SECONDS", -1.0)
    again = visit(app, "owner").post(UPLOAD, content=b"x" * 300_000)
    assert again.status_code == 200, "measured anew: the upload before is not in the folder"


def test_an_upload_says_how_long_it_is() -> None:
    def parts() -> Any:
        yield b"x"

    assert visit(studio()).post(UPLOAD, content=parts()).status_code == 411
    assert visit(studio()).post(UPLOAD, headers={"content-length": "x"}).status_code == 411


def test_many_tiny_files_are_not_free(uploads: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "upload_folder", lambda: uploads / "nothing here")
    files = [("files", (f"{number}.png", b"x")) for number in range(130)]

    def upload(app: Quotas, role: Role = "visitor", **who: str) -> int:
        return visit(app, role, **who).post(UPLOAD, files=files).status_code

    app = studio(visitor_uploads=1)
    assert [upload(app), upload(app), upload(app, address="10.0.0.2")] == [200, 413, 200]
    app = studio(max_uploads=1)
    assert [upload(app, "owner"), upload(app, "owner")] == [200, 507]


def test_a_file_is_counted_where_its_header_comes_in_pieces() -> None:
    form = b'--x\r\nContent-Disposition: form-data; name="files"; FileName="filename"\r\n\r\n' * 3
    for size in (1, 2, 7, 8, 9, 1_000):
        files = module._FileCount()
        pieces = [form[start : start + size] for start in range(0, len(form), size)]
        assert sum(files.count(piece) for piece in pieces) == 6, "at least one each"


def test_uploads_that_are_on_their_way_count(
    uploads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "upload_folder", lambda: uploads / "nothing here")
    monkeypatch.setattr(module, "MEASURED_SECONDS", -1.0)
    app = studio(max_uploads=1)
    header = (VISITOR_HEADER.encode(), header_of(Visitor(role="owner")))

    async def upload(body: asyncio.Event | None) -> int:
        statuses: list[int] = []

        async def receive() -> Any:
            if body is not None:
                await body.wait()
            return {"type": "http.request", "body": b"x" * 600_000}

        async def send(message: Any) -> None:
            statuses.append(message.get("status", 0))

        headers = [header, (b"content-length", b"600000")]
        scope = {"type": "http", "method": "POST", "path": UPLOAD, "query_string": b""}
        await app(scope | {"headers": headers}, receive, send)
        return statuses[0]

    async def uploading() -> None:
        rest_comes = asyncio.Event()
        slow = asyncio.create_task(upload(rest_comes))
        await asyncio.sleep(0.05)
        assert await upload(None) == 507, "the slow one is not in the folder yet"
        rest_comes.set()
        assert await slow == 200
        assert await upload(None) == 200
        assert app._folder._coming == 0

    asyncio.run(uploading())


@pytest.fixture
def asking() -> Iterator[Callable[[str, str], None]]:
    """Says for whom this test works."""

    def ask(role: str, visitor: str) -> None:
        set_request(RequestInfo(id="1", role=role, visitor=visitor))

    yield ask
    set_request(None)


def test_files_that_the_page_writes_are_charged_as_uploads(
    asking: Callable[[str, str], None], uploads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "upload_folder", lambda: uploads / "nothing here")
    app = studio(visitor_uploads=2, max_uploads=5)
    asking("visitor", "10.0.0.1")
    assert shares() is app
    assert visit(app).post(UPLOAD, content=b"x" * 600_000).status_code == 200
    assert app.take_room(1_400_000) == ""
    assert "2 MB a day at most" in app.take_room(1)
    asking("visitor", "10.0.0.2")
    assert app.take_room(2_000_000) == ""
    asking("owner", "name ada")
    assert app._folder.last() == 4_000_000
    assert app.take_room(900_000) == ""
    assert "no room for uploads" in app.take_room(900_000), "5 MB have come"


def test_ratings_of_a_visitor_are_counted(asking: Callable[[str, str], None]) -> None:
    app = studio()
    asking("visitor", "10.0.0.1")
    assert {app.take_rating() for _ in range(RATINGS.amount)} == {""}
    assert "500 answers a day" in app.take_rating()
    asking("curator", "name bob")
    assert app.take_rating() == ""
