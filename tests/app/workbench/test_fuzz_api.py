"""What programs and the page send, as nobody meant it: answers, or one sentence, and nothing else.

Through the whole front of the studio and Gradio's own server, mounted as it is beside the curator.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from fastapi import FastAPI
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image
from starlette.testclient import TestClient

from app.gradio_internals import check_requested_files, limit_sessions
from app.services import Services
from app.serving.front import build_front
from app.serving.gradio_options import SESSIONS, page_options
from app.serving.prepare import prepare_page
from app.workbench.page import build_workbench
from tests.fakes import FakeGenerator, FakeMatcher, fake_services

ENDPOINTS = {
    "caption": [1, "greedy", "", None, 40, 5],
    "ask": ["Who?", None, "greedy", None, 40],
    "match": [["a dog"]],
    "attention": ["a dog", "winner", None],
}
"""Name -> what is rightly sent behind the image."""
SECRET = "the words in a file of the server"
PATHS = st.sampled_from(["/etc/passwd", "/dev/zero", "../x", "", "\0", "\ud800", "x" * 5_000, "."])
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-3, 300),
        st.integers(),
        st.floats(),
        st.text(st.characters(), max_size=20),
        st.sampled_from(["greedy", "sample", "beam", "winner", "words", "{question}", "x" * 3_000]),
        st.sampled_from([10**400, -(10**400), "9" * 5_000, 2**64, 1e308, "\ud800", "\0"]),
        PATHS.map(lambda path: {"path": path, "meta": {"_type": "gradio.FileData"}}),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


def mounted(services: Services) -> tuple[FastAPI, gr.Blocks]:
    page = build_workbench(services)
    app = FastAPI(middleware=build_front(services), openapi_url=None)
    check_requested_files(page)
    limit_sessions(page, SESSIONS)
    prepare_page(page, services)
    gr.mount_gradio_app(app, page, path="/", **page_options(services.settings))
    return app, page


class Studio:
    """A studio in this process, what it was sent, and an image that it was given."""

    def __init__(self, client: TestClient, page: gr.Blocks, folder: Path) -> None:
        self.client, self.page = client, page
        Image.new("RGB", (8, 8), "red").save(folder / "red.png")
        with (folder / "red.png").open("rb") as file:
            [self.path] = client.post("/gradio_api/upload", files={"files": file}).json()
        (folder / "secret.png").write_text(SECRET)
        self.secret = str(folder / "secret.png")

    @property
    def image(self) -> dict[str, Any]:
        return {"path": self.path, "meta": {"_type": "gradio.FileData"}, "orig_name": "red.png"}

    def call(self, name: str, body: Any) -> str:
        """What an endpoint answers in the end, all of it."""
        sent = self.post(f"/gradio_api/call/{name}", body)
        if sent.status_code != 200:
            return sent.text
        return self.read(f"/gradio_api/call/{name}/{sent.json()['event_id']}")

    def send(self, event: Any, data: list[Any], about: Any) -> str:
        """What an event of the page answers."""
        session = f"s{event._id}"
        body = {"data": data, "event_data": about, "fn_index": event._id, "session_hash": session}
        if not event.queue:
            return self.post("/gradio_api/run/predict", body).text
        sent = self.post("/gradio_api/queue/join", body)
        if sent.status_code != 200:
            return sent.text
        return self.read(f"/gradio_api/queue/data?session_hash={session}")

    def post(self, path: str, body: Any) -> Any:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = self.client.post(
            path, content=content, headers={"content-type": "application/json"}
        )
        assert_harmless(answer.text)
        return answer

    def read(self, path: str) -> str:
        answer = self.client.get(path)
        assert_harmless(answer.text)
        assert answer.status_code == 200
        return answer.text


def assert_harmless(text: str) -> None:
    """No traceback, and no file of the server."""
    assert "Traceback" not in text and "site-packages" not in text
    assert SECRET not in text and "root:x:" not in text


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    patch = pytest.MonkeyPatch()
    patch.setenv("BLIP2_VISITOR_REQUESTS", "1000000")
    services = fake_services(FakeGenerator(), FakeMatcher())
    # The map needs a model; what is asked of it is checked before.
    patch.setattr("app.workbench.api.map_attention", lambda *_: {"map": []})
    app, page = mounted(services)
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        yield Studio(client, page, tmp_path_factory.mktemp("studio"))
    patch.undo()


CHANGED = st.sampled_from(sorted(ENDPOINTS)).flatmap(
    lambda name: st.tuples(
        st.just(name),
        st.dictionaries(st.integers(0, len(ENDPOINTS[name])), VALUES, min_size=1, max_size=2),
    )
)


@given(CHANGED)
@example(("caption", {1: 10**400}))
@example(("caption", {5: 2.5e300}))
@example(("caption", {4: "9" * 5_000}))
@example(("caption", {2: ["greedy"]}))
@example(("caption", {2: {"a": 1}}))
@example(("caption", {3: "\ud800"}))
@example(("caption", {3: {"a": 1}}))
@example(("ask", {1: "\ud800"}))
@example(("ask", {2: [["\ud800", "a"]]}))
@example(("match", {1: ["\ud800"]}))
@example(("attention", {2: ["winner"]}))
@example(("ask", {0: {"path": "\ud800", "meta": {"_type": "gradio.FileData"}}}))
@example(("ask", {0: {"path": "\ud800"}}))
@example(("ask", {0: {"path": "a\0b"}}))
def test_an_endpoint_answers_or_says_what_is_wrong(
    studio: Studio, changed: tuple[str, dict[int, Any]]
) -> None:
    name, changes = changed
    data = [studio.image, *ENDPOINTS[name]]
    for place, value in changes.items():
        data[place] = value
    answer = studio.call(name, {"data": data})
    assert "reference" not in answer, answer  # of an error that nobody expected
    assert answer.count("event: complete") + answer.count("event: error") == 1, answer
    if "event: error" in answer:
        told = json.loads(answer.rpartition("data: ")[2])
        message = told["error"] if isinstance(told, dict) else told
        if message is None and "gradio.FileData" in json.dumps(changes):
            return  # a file that was not uploaded, which Gradio refuses without words
        assert message and len(message.splitlines()) == 1, message


ARGUMENTS = sum(map(len, ENDPOINTS.values()))
BODIES = st.one_of(
    VALUES,
    st.fixed_dictionaries({"data": st.lists(VALUES, max_size=8) | VALUES}),
    st.dictionaries(st.sampled_from(["data", "fn_index", "session_hash", "event_data"]), VALUES),
)
POSTS = st.sampled_from(
    [
        *("call/ask", "call/v2/ask", "call/none", "call/%2e%2e", "run/ask", "api/ask"),
        *("run/predict", "queue/join", "cancel", "reset", "upload"),
    ]
)


@given(POSTS, BODIES | st.binary(max_size=80) | st.just(b"[" * 5_000))
@example("call/ask", {"data": []})
@example("queue/join", {"data": [], "fn_index": 10**400, "session_hash": "a"})
@example("queue/join", {"data": [], "fn_index": -1, "session_hash": "a"})
@example("run/predict", {"data": [], "fn_index": 1, "session_hash": "\ud800"})
@example("call/ask", b"[" * 100_000)
def test_any_body_is_taken_or_refused(studio: Studio, path: str, body: Any) -> None:
    answer = studio.post(f"/gradio_api/{path}", body)
    if path.startswith("call/") and answer.status_code == 200:
        name = path.rpartition("/")[2]
        studio.read(f"/gradio_api/call/{name}/{answer.json()['event_id']}")
    # Gradio itself fails at an event that it has not, and says no more of it.
    assert answer.status_code < 500 or answer.text in ("Internal Server Error", '{"error":null}')
    assert studio.client.get("/config").status_code == 200


@given(st.data())
def test_any_event_of_the_page_takes_anything(studio: Studio, data: st.DataObject) -> None:
    events = [event for event in studio.page.fns.values() if event.fn and event.inputs]
    event = data.draw(st.sampled_from(events))
    values = [data.draw(VALUES) for _ in event.inputs]
    answer = studio.send(event, values, data.draw(VALUES))
    assert answer
    if event.queue and "process_completed" not in answer:
        assert len(answer.splitlines()) <= 3, answer
