"""What each role may do, tried on a served studio: pages, endpoints and the events of the page."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from app.login.users import add_user
from app.roles import ROLES, VISITOR_HEADER, Role, Visitor, header_of
from tests.app.serving.served import served
from tests.app.serving.test_open_doors import ENDPOINTS, forged, send

PASSWORD = "correct horse"
CURATOR = ["/curator/", "/curator/review", "/curator/_stcore/health"]
ANONYMOUS = "anonymous"


@pytest.fixture(scope="module", params=["mounted", "launched"])
def studio(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """How the studio is served, and its address. Anyone may ask; some log in."""
    folder = tmp_path_factory.mktemp(request.param)
    for role in ROLES:
        add_user(folder / "users", f"a-{role}", PASSWORD, role=role)
    settings = {"BLIP2_USERS": str(folder / "users"), "BLIP2_OPEN": "1"}
    with served(request.param, folder, **settings) as address:
        yield request.param, address


@pytest.fixture(params=[*ROLES, ANONYMOUS])
def visit(request: Any, studio: tuple[str, str]) -> Iterator[tuple[Role | str, httpx.Client]]:
    """Somebody who has logged in, or has not, and claims to be an owner."""
    forged_header = header_of(Visitor(role="owner", name="eve")).decode()
    with httpx.Client(
        base_url=studio[1], timeout=30, trust_env=False, headers={VISITOR_HEADER: forged_header}
    ) as http:
        if request.param != ANONYMOUS:
            form = {"username": f"a-{request.param}", "password": PASSWORD}
            assert http.post("/login", data=form).status_code == 200
        yield request.param, http


def test_the_pages_of_the_curator(studio: tuple[str, str], visit: Any) -> None:
    role, http = visit
    expected = {"visitor": 403, ANONYMOUS: 401}.get(role, 200)
    for path in CURATOR:
        answer = http.get(path)
        if studio[0] == "launched":
            assert answer.status_code in (expected, 404) and "streamlit" not in answer.text.lower()
        else:
            assert answer.status_code == expected, path
    told = http.put("/curator/_stcore/upload_file/a/b", content=b"x").text
    refusal = {"visitor": "A visitor may not do this.", ANONYMOUS: "Log in first."}.get(role)
    assert told == refusal or refusal is None


def test_the_websocket_of_the_curator(studio: tuple[str, str], visit: Any) -> None:
    way, address = studio
    if way == "launched":
        pytest.skip("the curator is not served")
    role, http = visit
    cookies = "; ".join(f"{name}={value}" for name, value in http.cookies.items())
    stream = address.replace("http", "ws") + "/curator/_stcore/stream"
    headers = {"cookie": cookies, VISITOR_HEADER: http.headers[VISITOR_HEADER]}
    if role in ("curator", "owner"):
        with connect(stream, additional_headers=headers, subprotocols=["streamlit"]):
            pass
    else:
        with pytest.raises(InvalidStatus, match="403"):
            connect(stream, additional_headers=headers, subprotocols=["streamlit"])


def test_everybody_asks(visit: Any, tmp_path: Path) -> None:
    _, http = visit
    assert "BLIP-2 Studio" in http.get("/config").text
    Image.new("RGB", (8, 8), "red").save(tmp_path / "mine.png")
    with (tmp_path / "mine.png").open("rb") as file:
        mine = http.post("/gradio_api/upload", files={"files": file}).json()[0]
    for name, given in ENDPOINTS.items():
        call = http.post(f"/gradio_api/call/{name}", json={"data": [forged(mine), *given]})
        answer = http.get(f"/gradio_api/call/{name}/{call.json()['event_id']}").text
        assert "event: complete" in answer or "No map (reference" in answer, answer


def test_only_curators_save_to_datasets(studio: tuple[str, str], visit: Any) -> None:
    role, http = visit
    may = role in ("curator", "owner")
    if studio[0] == "launched":
        config = http.get("/config").json()
        ids = {c["props"].get("elem_id"): c["id"] for c in config["components"]}
        assert "save-dialog" not in ids, "there is no database"
        return
    assert_pairs_are_saved(http, may)


def assert_pairs_are_saved(http: httpx.Client, may: bool) -> None:
    """Send what the dialog sends, and see whether it is shown."""
    config = http.get("/config").json()
    ids = {c["props"].get("elem_id"): c["id"] for c in config["components"]}
    saves = [
        event
        for event in config["dependencies"]
        if [ids["save-dialog"], "submit"] in [list(target) for target in event["targets"]]
    ]
    assert len(saves) == 1
    answer = send(http, saves[0], [None], {"offer": "made up", "dataset": "mine"})
    told = "out of date" if may else "for curators"
    assert told in answer, answer
    shown = [event for event in config["dependencies"] if event["outputs"] == [ids["save-dialog"]]]
    assert len(shown) == 1
    (update,) = json.loads(send(http, shown[0], [], None))["data"]
    assert update["visible"] == may


def page_of_curator(address: str, **headers: str) -> str:
    """What the curator's first page draws, as its messages say it."""
    stream = address.replace("http", "ws") + "/curator/_stcore/stream"
    asked = BackMsg(rerun_script=ClientState())
    drawn = ""
    with connect(stream, additional_headers=headers, subprotocols=["streamlit"]) as websocket:
        websocket.send(asked.SerializeToString())
        while True:
            message = ForwardMsg.FromString(websocket.recv(timeout=60))
            drawn += str(message.delta)
            if message.WhichOneof("type") == "script_finished":
                return drawn


@pytest.mark.parametrize("way", ["mounted bare", "launched bare"])
def test_without_the_program_in_front_nobody_is_a_curator(way: str, tmp_path: Path) -> None:
    """No header says who asks: that is no owner."""
    add_user(tmp_path / "users", "ada", PASSWORD)
    with served(way, tmp_path, BLIP2_USERS=str(tmp_path / "users")) as address:
        with httpx.Client(base_url=address, timeout=30, trust_env=False) as http:
            assert "Log in" in account_line(http), "nobody by name"
            if way == "launched bare":
                return
            assert_pairs_are_saved(http, may=False)
        drawn = page_of_curator(address)
        assert "Only curators and owners may see this" in drawn
        assert "There is no database" not in drawn
        header = header_of(Visitor(role="owner", name="ada")).decode()
        drawn = page_of_curator(address, **{VISITOR_HEADER: header})
        assert "There is no database" in drawn, "this studio's page has no more to show"


def test_who_is_logged_in_is_shown(visit: Any) -> None:
    role, http = visit
    html = account_line(http)
    assert ("Log in" if role == ANONYMOUS else f"<b>a-{role}</b>, {role}") in html
    assert "eve" not in html


def account_line(http: httpx.Client) -> str:
    """The line that says who is logged in."""
    config = http.get("/config").json()
    account = next(c["id"] for c in config["components"] if c["props"].get("elem_id") == "account")
    (arrival,) = [event for event in config["dependencies"] if account in event["outputs"]]
    html: str = json.loads(send(http, arrival, [], None))["data"][arrival["outputs"].index(account)]
    return html


def came_to_an_end(lines: Iterator[str]) -> bool:
    """Whether a stream ends that would send a line every 15 seconds for ever."""
    try:
        return len(list(islice(lines, 6))) < 6
    except httpx.RemoteProtocolError:  # the connection is cut
        return True


@pytest.mark.parametrize("way", ["mounted", "launched"])
def test_what_is_open_ends_with_the_login(way: str, tmp_path: Path) -> None:
    """Seconds after somebody is taken out of the file, though nothing is said."""
    users = tmp_path / "users"
    add_user(users, "ada", PASSWORD)
    only_ada = users.read_text()
    add_user(users, "bob", PASSWORD)
    with served(way, tmp_path, BLIP2_USERS=str(users)) as address, ExitStack() as open_ones:
        http = open_ones.enter_context(httpx.Client(base_url=address, timeout=30, trust_env=False))
        form = {"username": "bob", "password": PASSWORD}
        assert http.post("/login", data=form).status_code == 200
        beat = open_ones.enter_context(http.stream("GET", "/gradio_api/heartbeat/a-session"))
        lines = beat.iter_lines()
        next(lines)
        curator = None
        if way == "mounted":
            cookie = "; ".join(f"{name}={value}" for name, value in http.cookies.items())
            stream = address.replace("http", "ws") + "/curator/_stcore/stream"
            curator = open_ones.enter_context(
                connect(stream, additional_headers={"cookie": cookie}, subprotocols=["streamlit"])
            )
        users.write_text(only_ada)
        assert came_to_an_end(lines)
        if curator is not None:
            with pytest.raises(ConnectionClosed) as closed:
                while True:
                    curator.recv(timeout=30)
            assert closed.value.rcvd is not None and closed.value.rcvd.code == 1008
        assert http.get("/config").status_code == 401
    assert "Traceback" not in (tmp_path / "log").read_text()
