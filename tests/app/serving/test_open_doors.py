"""What a stranger may not reach, tried on a served studio, mounted beside the curator and alone.

Every event of the page that takes something is found in the page's own configuration.
"""

import os
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.app.serving.served import served

PATIENCE = 20.0
"""Seconds for one answer; a server that opens a pipe or /dev/zero never gives one."""
ENDPOINTS: dict[str, list[Any]] = {
    "caption": [1, "greedy", "", None, 40, 5],
    "ask": ["Who?", None, "greedy", None, 40],
    "match": [["a dog"]],
    "attention": ["a dog", "winner", None],
}
"""Name -> what is sent behind the image."""


@pytest.fixture(
    scope="module", params=["mounted", pytest.param("launched", marks=pytest.mark.slow)]
)
def studio(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp(request.param)
    with (
        served(request.param, folder) as address,
        httpx.Client(base_url=address, timeout=PATIENCE, trust_env=False) as http,
    ):
        http.uploads = folder / "uploads"  # type: ignore[attr-defined]
        yield http


@pytest.fixture
def secrets(tmp_path: Path) -> list[str]:
    """Files of the server that no visitor uploaded: an image, a text, a pipe, a device."""
    Image.effect_noise((24, 24), 90).save(tmp_path / "secret.png")
    (tmp_path / "secret.zip").write_bytes(b"PK secret")
    os.mkfifo(tmp_path / "pipe.png")
    names = ["secret.png", "secret.zip", "pipe.png"]
    return [*(str(tmp_path / name) for name in names), "/dev/zero"]


def forged(path: str) -> dict[str, Any]:
    """A file that claims to have been uploaded."""
    return {"path": path, "meta": {"_type": "gradio.FileData"}, "orig_name": "mine.png"}


def events(studio: httpx.Client) -> list[dict[str, Any]]:
    """All events of the page, public and private."""
    return studio.get("/config").json()["dependencies"]


def shapes(paths: list[str]) -> list[Any]:
    """The ways in which a component may be given files; which one it takes is not asked."""
    several = [forged(path) for path in paths]
    return [several[0], several, {"value": several}]


def send(studio: httpx.Client, event: dict[str, Any], data: list[Any], about: Any) -> str:
    """What the server answers to an event, all of it."""
    body = {"data": data, "event_data": about, "fn_index": event["id"], "trigger_id": None}
    session = f"s{event['id']}"
    if not event["queue"]:
        return studio.post("/gradio_api/run/predict", json=body | {"session_hash": session}).text
    joined = studio.post("/gradio_api/queue/join", json=body | {"session_hash": session})
    if joined.status_code != 200:
        return joined.text
    said = []
    with studio.stream("GET", f"/gradio_api/queue/data?session_hash={session}") as stream:
        for line in stream.iter_lines():
            said.append(line)
            if "process_completed" in line or "close_stream" in line:
                break
    return "\n".join(said)


def contents(folder: Path) -> set[bytes]:
    return {file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_no_event_opens_a_file_of_the_server(studio: Any, secrets: list[str]) -> None:
    given = [event for event in events(studio) if event["inputs"]]
    assert len(given) > 40  # else the walk has missed the page
    hidden = {Path(path).read_bytes() for path in secrets[:2]}
    for event in given:
        for value in shapes(secrets):
            answer = send(studio, event, [value] * len(event["inputs"]), forged(secrets[0]))
            assert answer, event["api_name"]
    assert not hidden & contents(studio.uploads)
    assert studio.get("/config").status_code == 200  # it is still there


@pytest.mark.parametrize("name", ENDPOINTS)
def test_an_endpoint_opens_what_was_uploaded_and_no_file_of_the_server(
    studio: Any, secrets: list[str], name: str, tmp_path: Path
) -> None:
    Image.new("RGB", (8, 8), "red").save(tmp_path / "mine.png")
    with (tmp_path / "mine.png").open("rb") as file:
        mine = studio.post("/gradio_api/upload", files={"files": file}).json()[0]
    for path in (mine, *secrets):
        given = {"data": [forged(path), *ENDPOINTS[name]]}
        call = studio.post(f"/gradio_api/call/{name}", json=given)
        answer = studio.get(f"/gradio_api/call/{name}/{call.json()['event_id']}").text
        # Without a model the map cannot be made; the image was opened all the same.
        opened = "event: complete" in answer or "No map (reference" in answer
        assert opened == (path == mine), answer
    assert not {Path(path).read_bytes() for path in secrets[:2]} & contents(studio.uploads)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/config"),
        ("POST", "/gradio_api/upload"),
        ("POST", "/gradio_api/call/ask"),
        ("GET", "/curator/"),
        ("GET", "/curator/_stcore/health"),
    ],
)
def test_a_foreign_name_is_refused(studio: Any, method: str, path: str) -> None:
    host = {"host": "evil.com"}
    assert studio.request(method, path, headers=host).status_code == 400


@pytest.mark.parametrize(
    "path", ["/gradio_api/upload", "/gradio_api/call/ask", "/gradio_api/queue/join"]
)
def test_a_foreign_page_changes_nothing(studio: Any, path: str) -> None:
    before = contents(studio.uploads)
    files = {"files": ("x.png", b"foreign")}
    for origin in ("http://evil.com", "null"):
        foreign = {"origin": origin}
        assert studio.post(path, files=files, headers=foreign).status_code == 403
    assert contents(studio.uploads) == before
    own = {"origin": str(studio.base_url).rstrip("/")}
    assert studio.post(path, files=files, headers=own).status_code != 403


def test_a_foreign_page_gets_no_websocket_of_the_curator(
    tmp_path: Path,
) -> None:
    from websockets.exceptions import InvalidStatus
    from websockets.sync.client import connect

    with served("mounted", tmp_path) as address:
        stream = address.replace("http", "ws") + "/curator/_stcore/stream"
        with connect(stream, origin=address, subprotocols=["streamlit"]):
            pass
        with pytest.raises(InvalidStatus, match="403"), connect(stream, origin="http://evil.com"):
            pass
        upload = f"{address}/curator/_stcore/upload_file/a/b"
        foreign = httpx.put(upload, headers={"origin": "http://evil.com"}, trust_env=False)
        assert foreign.status_code == 403
