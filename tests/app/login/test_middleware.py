"""Nothing is reached without a login, and then what the role allows."""

from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from app.login.access import Access, build_access
from app.login.basic_auth import credentials
from app.login.middleware import Login
from app.login.users import KEPT_SECONDS, add_user
from app.roles import ROLES, VISITOR_HEADER, visitor_of
from app.settings import AppSettings
from tests.app.login.clock import Clock

PAGE = {"accept": "text/html"}
PASSWORD = "correct horse"


async def greet(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(visitor_of(websocket.headers).role)
    with suppress(WebSocketDisconnect):
        while True:
            await websocket.send_text(await websocket.receive_text())


def who(request: Request) -> JSONResponse:
    visitor = visitor_of(request.headers)
    return JSONResponse([visitor.role, visitor.name])


INSIDE = [
    Route("/", who),
    Route("/work", who, methods=["POST"]),
    Route("/curator/{page:path}", who),
    Route("/curators", who),
    Route("/gradio_api/startup-events", who),
    WebSocketRoute("/talk", greet),
    WebSocketRoute("/curator/stream", greet),
]
Studio = Callable[..., TestClient]


@pytest.fixture
def users(tmp_path: Path) -> Path:
    for role in ROLES:
        add_user(tmp_path / "users", f"a-{role}", PASSWORD, role=role)
    return tmp_path / "users"


@pytest.fixture(autouse=True)
def no_space(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SPACE_ID", "SPACE_HOST", "OAUTH_CLIENT_ID", "GRADIO_SERVER_NAME"):
        monkeypatch.delenv(name, raising=False)


def access_of(**settings: Any) -> Access:
    return build_access(AppSettings(**settings))


def studio(access: Access) -> TestClient:
    return TestClient(Login(Starlette(routes=INSIDE), access), follow_redirects=False)


def logged_in(access: Access, name: str) -> TestClient:
    client = studio(access)
    answer = client.post("/login", data={"username": name, "password": PASSWORD}, headers=PAGE)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    return client


def test_browsers_are_sent_to_the_login_and_come_back(users: Path) -> None:
    client = studio(access_of(users=users))
    sent = client.get("/curator/review?item=7", headers=PAGE)
    assert sent.status_code == 303
    assert sent.headers["location"] == "/login?next=/curator/review%3Fitem%3D7"
    shown = client.get(sent.headers["location"], headers=PAGE)
    assert shown.status_code == 200 and 'value="/curator/review?item=7"' in shown.text
    form = {"username": "a-curator", "password": PASSWORD, "next": "/curator/review?item=7"}
    answer = client.post("/login", data=form, headers=PAGE)
    assert answer.headers["location"] == "/curator/review?item=7"
    assert client.get("/curator/review").json() == ["curator", "a-curator"]


def test_programs_send_name_and_password_or_get_a_cookie(users: Path) -> None:
    client = studio(access_of(users=users))
    refused = client.get("/")
    assert refused.status_code == 401 and refused.headers["www-authenticate"].startswith("Basic")
    assert "www-authenticate" not in client.get("/", headers={"sec-fetch-mode": "cors"}).headers
    for auth in (("a-owner", "wrong horse"), ("nobody", PASSWORD), ("", "")):
        assert client.get("/", auth=auth).status_code == 401
    assert client.get("/", auth=("a-owner", PASSWORD)).json() == ["owner", "a-owner"]
    assert client.get("/").status_code == 401
    form = {"username": "a-visitor", "password": PASSWORD}
    assert client.post("/login", data=form).json() == {"success": True}  # as Gradio's clients do
    assert client.get("/").json() == ["visitor", "a-visitor"]


def test_a_wrong_password_is_told_and_held_up(users: Path) -> None:
    client = studio(access_of(users=users))
    form = {"username": "a-<b>", "password": "wrong horse"}
    for _ in range(6):
        answer = client.post("/login", data=form, headers=PAGE)
        assert answer.status_code == 401 and "Name or password is wrong" in answer.text
        assert "a-&lt;b&gt;" in answer.text and "<b>" not in answer.text
        assert "set-cookie" not in answer.headers
    answer = client.post("/login", data=form, headers=PAGE)
    assert answer.status_code == 429 and "too many attempts" in answer.text
    assert int(answer.headers["retry-after"]) > 0
    assert client.get("/", auth=("a-<b>", "wrong horse")).status_code == 429
    assert client.post("/login", data=form).json()["detail"].startswith("There were too many")


@pytest.mark.parametrize("body", [b"", b"x" * 100_000, b"username=a&password=b&" * 3_000])
def test_a_form_that_is_none_is_a_wrong_password(users: Path, body: bytes) -> None:
    client = studio(access_of(users=users))
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert client.post("/login", content=body, headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data; boundary=x", b"nonsense"),
        ("multipart/form-data", b"--x--"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="username"; filename="f"\r\n'
            b"\r\na\r\n--x--",
        ),
        ("application/x-www-form-urlencoded", b"a=b&" * 20),
        ("application/json", b"{}"),
    ],
)
def test_a_broken_form_is_a_wrong_password(users: Path, kind: str, body: bytes) -> None:
    client = studio(access_of(users=users))
    answer = client.post("/login", content=body, headers={"content-type": kind})
    assert answer.status_code == 401 and "wrong" in answer.json()["detail"]


@pytest.mark.parametrize(
    "onward",
    ["//evil.com", "https://evil.com", "/\\evil.com", "/\t/evil.com", "evil", "", "/a\nb: c"],
)
def test_the_way_on_stays_inside(users: Path, onward: str) -> None:
    client = studio(access_of(users=users))
    form = {"username": "a-owner", "password": PASSWORD, "next": onward}
    assert client.post("/login", data=form, headers=PAGE).headers["location"] == "/"


@pytest.mark.parametrize("role", ROLES)
def test_who_asks_is_told_to_the_apps_and_cannot_be_forged(users: Path, role: str) -> None:
    client = logged_in(access_of(users=users), f"a-{role}")
    for forged in ({}, {VISITOR_HEADER: "owner eve"}, {VISITOR_HEADER.title(): "owner eve"}):
        assert client.get("/", headers=forged).json() == [role, f"a-{role}"]
    with client.websocket_connect("/talk", headers={VISITOR_HEADER: "owner eve"}) as talk:
        assert talk.receive_text() == role


@pytest.mark.parametrize(("role", "allowed"), [("visitor", 403), ("curator", 200), ("owner", 200)])
def test_the_curator_is_for_curators(users: Path, role: str, allowed: int) -> None:
    client = logged_in(access_of(users=users), f"a-{role}")
    for path in ("/curator/", "/curator/review", "/curator/_stcore/health"):
        for headers in ({}, PAGE):
            assert client.get(path, headers=headers).status_code == allowed
    assert client.get("/curators").status_code == 200
    if allowed == 403:
        with pytest.raises(WebSocketDisconnect), client.websocket_connect("/curator/stream"):
            pass
    else:
        with client.websocket_connect("/curator/stream") as talk:
            assert talk.receive_text() == role


def test_no_websocket_opens_by_basic_authentication(users: Path) -> None:
    """It would stay open after the person has been taken out of the file."""
    client = studio(access_of(users=users))
    sent = {"authorization": "Basic " + b64encode(f"a-owner:{PASSWORD}".encode()).decode()}
    assert client.get("/", headers=sent).status_code == 200
    for path in ("/talk", "/curator/stream"):
        with pytest.raises(WebSocketDisconnect):
            client.websocket_connect(path, headers=sent).__enter__()


def test_log_out_ends_it_also_on_open_websockets(users: Path) -> None:
    access = access_of(users=users)
    client = logged_in(access, "a-curator")
    other = studio(access)
    other.cookies = client.cookies
    with client.websocket_connect("/talk") as talk:
        assert talk.receive_text() == "curator"
        talk.send_text("still here")
        assert talk.receive_text() == "still here"
        assert "You are a-curator" in client.get("/logout", headers=PAGE).text
        assert client.get("/").status_code == 200, "only the button does it"
        assert client.post("/logout", headers=PAGE).headers["location"] == "/login"
        talk.send_text("not any more")
        with pytest.raises(WebSocketDisconnect):
            talk.receive_text()
    assert client.get("/").status_code == other.get("/").status_code == 401
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/talk"):
        pass


def test_a_new_login_ends_the_session_of_the_same_browser(users: Path) -> None:
    access = access_of(users=users)
    client, stale = logged_in(access, "a-curator"), studio(access)
    stale.cookies.set(access.cookie, client.cookies[access.cookie])
    assert stale.get("/").status_code == 200
    form = {"username": "a-owner", "password": "wrong horse"}
    assert client.post("/login", data=form).status_code == 401
    assert stale.get("/").status_code == 200, "only who knows the password ends it"
    client.post("/login", data={"username": "a-owner", "password": PASSWORD})
    assert client.get("/").json() == ["owner", "a-owner"]
    assert stale.get("/").status_code == 401


def test_who_is_taken_out_of_the_file_or_gets_another_role_is_out(users: Path) -> None:
    access = access_of(users=users)
    curator, owner = logged_in(access, "a-curator"), logged_in(access, "a-owner")
    lines = users.read_text().splitlines(keepends=True)
    users.write_text("".join(line for line in lines if not line.startswith("a-curator")))
    assert curator.get("/").status_code == 401
    assert owner.get("/").status_code == 200
    users.write_text(users.read_text().replace("a-owner:owner", "a-owner:visitor"))
    assert owner.get("/").status_code == 401


def test_no_session_of_a_password_holds_while_the_file_cannot_be_read(users: Path) -> None:
    """Restoring the file brings everything back without a restart."""
    access, clock = access_of(users=users), Clock()
    assert access.passwords is not None
    access.passwords.users._clock = clock
    client, kept = logged_in(access, "a-curator"), users.read_bytes()
    users.unlink()
    assert client.get("/").status_code == 200, "for some seconds"
    clock.now += KEPT_SECONDS
    form = {"username": "a-curator", "password": PASSWORD}
    with_password = {"auth": ("a-curator", PASSWORD)}
    stranger = studio(access)
    for asked in (
        client.get("/"),
        client.get("/", headers=PAGE),
        client.get("/curator/", headers=PAGE),
        client.get("/login/password", headers=PAGE),
        client.post("/login/password", data={"password": PASSWORD}, headers=PAGE),
        stranger.get("/", **with_password),
        stranger.get("/login", headers=PAGE),
        stranger.post("/login", data=form),
        stranger.post("/login", data=form, headers=PAGE),
    ):
        assert asked.status_code == 503, asked.request.url
        assert asked.text.count("The file of users cannot be read") == 1
    assert client.get("/", headers=PAGE).headers["retry-after"]
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/talk"):
        pass
    assert stranger.get("/", headers=PAGE).headers["location"].startswith("/login")
    users.write_bytes(kept)
    assert client.get("/").json() == ["curator", "a-curator"], "without a new login"
    assert stranger.get("/", **with_password).status_code == 200
    assert stranger.get("/login", headers=PAGE).status_code == 200


def test_who_cannot_be_known_logs_out_and_strangers_go_on_asking(users: Path) -> None:
    access, clock = access_of(users=users, open=True), Clock()
    assert access.passwords is not None
    access.passwords.users._clock = clock
    client, kept = logged_in(access, "a-curator"), users.read_bytes()
    users.unlink()
    client.get("/")
    clock.now += KEPT_SECONDS
    assert client.get("/").status_code == 503
    assert studio(access).get("/").json() == ["visitor", ""]
    assert client.get("/logout", headers=PAGE).status_code == 200
    copied = client.cookies[access.cookie]
    assert client.post("/logout", headers=PAGE).status_code == 303
    users.write_bytes(kept)
    stolen = studio(access)
    stolen.cookies.set(access.cookie, copied)
    assert stolen.get("/").json() == ["visitor", ""]


def test_the_cookie_is_kept_from_scripts_and_other_sites(users: Path) -> None:
    access = access_of(users=users)
    client = studio(access)
    form = {"username": "a-owner", "password": PASSWORD}
    cookie = client.post("/login", data=form).headers["set-cookie"]
    assert cookie.startswith(f"{access.cookie}=") and "Path=/;" in cookie
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Secure" not in cookie
    secure = TestClient(client.app, base_url="https://studio.example.com")
    cookie = secure.post("/login", data=form).headers["set-cookie"]
    assert "; Secure" in cookie
    assert cookie.startswith(f"__Host-{access.cookie}=") and "Path=/;" in cookie
    assert "Domain" not in cookie, "else browsers would not take this name"


def test_by_https_a_cookie_of_a_plain_name_is_nobodys(users: Path) -> None:
    """Another site of the domain, or somebody on the way of http, could have set it."""
    access = access_of(users=users)
    form = {"username": "a-owner", "password": PASSWORD}
    secure = TestClient(studio(access).app, base_url="https://studio.example.com")
    below = TestClient(
        Starlette(routes=[Mount("/studio", secure.app)]), base_url="https://studio.example.com"
    )
    for client, root, prefix in ((secure, "", "__Host-"), (below, "/studio", "__Secure-")):
        answer = client.post(f"{root}/login", data=form)
        assert f"Path={root or '/'};" in answer.headers["set-cookie"]
        token = client.cookies[f"{prefix}{access.cookie}"]
        assert client.get(f"{root}/").json() == ["owner", "a-owner"]
        with client.websocket_connect(f"wss://studio.example.com{root}/talk") as talk:
            assert talk.receive_text() == "owner"
        client.cookies.clear()
        for other in {"", "__Host-", "__Secure-"} - {prefix}:
            sent = {"cookie": f"{other}{access.cookie}={token}"}
            assert client.get(f"{root}/", headers=sent).status_code == 401
            with pytest.raises(WebSocketDisconnect):
                path = f"wss://studio.example.com{root}/talk"
                client.websocket_connect(path, headers=sent).__enter__()
        sent = {"cookie": f"{prefix}{access.cookie}={token}"}
        assert client.get(f"{root}/", headers=sent).status_code == 200
        ended = client.post(f"{root}/logout", headers=sent, follow_redirects=False)
        assert ended.headers["set-cookie"].startswith(f"{prefix}{access.cookie}=; ")
        assert "Max-Age=0" in ended.headers["set-cookie"]
        assert "Secure" in ended.headers["set-cookie"]


def test_the_cookie_works_in_the_frame_of_a_space(
    users: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPACE_ID", "ada/studio")
    client = studio(access_of(users=users))
    cookie = client.post("/login", data={"username": "a-owner", "password": PASSWORD}).headers[
        "set-cookie"
    ]
    assert cookie.endswith("Secure; SameSite=None; Partitioned")
    assert cookie.startswith("__Host-")


def test_a_page_renews_an_old_token(users: Path) -> None:
    access = access_of(users=users)
    clock = Clock()
    access.sessions._clock = clock
    client = logged_in(access, "a-owner")
    before = client.cookies[access.cookie]
    clock.now += 2 * 3_600
    assert "set-cookie" not in client.get("/").headers, "scripts run side by side"
    assert client.get("/", headers=PAGE).status_code == 200
    assert client.cookies[access.cookie] != before
    clock.now += 3_600
    assert client.get("/").status_code == 200
    stale = studio(access)
    stale.cookies.set(access.cookie, before)
    assert stale.get("/").status_code == 401


def test_a_password_for_one_login_is_replaced_before_anything_else(tmp_path: Path) -> None:
    add_user(tmp_path / "users", "owner", PASSWORD, once=True)
    access = access_of(users=tmp_path / "users")
    client = logged_in(access, "owner")
    assert client.get("/", headers=PAGE).headers["location"] == "/login/password"
    assert client.get("/").status_code == 401
    assert studio(access).get("/", auth=("owner", PASSWORD)).status_code == 401
    assert "You are owner" in client.get("/login/password").text

    def choose(old: str, new: str, again: str) -> Any:
        form = {"password": old, "new": new, "again": again}
        return client.post("/login/password", data=form, headers=PAGE)

    for wrong, told in (
        (("not this one", "a new one", "a new one"), "so far is wrong"),
        ((PASSWORD, "a new one", "another one"), "are different"),
        ((PASSWORD, PASSWORD, PASSWORD), "password so far"),
        ((PASSWORD, "short", "short"), "8 to 1,000"),
    ):
        answer = choose(*wrong)
        assert answer.status_code in (400, 401) and told in answer.text
    assert choose(PASSWORD, "a new one", "a new one").headers["location"] == "/"
    assert client.get("/").json() == ["owner", "owner"]
    assert studio(access).get("/", auth=("owner", "a new one")).status_code == 200


def test_another_password_ends_the_other_sessions(users: Path) -> None:
    access = access_of(users=users)
    here, elsewhere = logged_in(access, "a-curator"), logged_in(access, "a-curator")
    form = {"password": PASSWORD, "new": "another horse", "again": "another horse"}
    assert here.post("/login/password", data=form).status_code == 303
    assert here.get("/").json() == ["curator", "a-curator"]
    assert elsewhere.get("/").status_code == 401
    assert studio(access).post("/login/password", data=form).headers["location"] == "/login"


def test_gradio_starts_its_queue_without_a_login(users: Path) -> None:
    client = studio(access_of(users=users))
    assert client.get("/gradio_api/startup-events").json() == ["visitor", ""]
    for path in ("/gradio_api/startup-events/", "/gradio_api/startup-events/x", "/gradio_api"):
        assert client.get(path).status_code == 401
    with pytest.raises(WebSocketDisconnect):
        client.websocket_connect("/gradio_api/startup-events").__enter__()


def test_without_a_login_this_machine_is_the_owners() -> None:
    client = studio(access_of())
    assert client.get("/").json() == ["owner", ""]
    assert client.get("/curator/").json() == ["owner", ""]
    assert client.get("/", headers={VISITOR_HEADER: "visitor eve"}).json() == ["owner", ""]
    assert client.get("/login").status_code == 404, "nobody can log in"


def test_open_to_anyone_they_only_ask(users: Path) -> None:
    client = studio(access_of(users=users, open=True, host="0.0.0.0"))
    assert client.get("/").json() == ["visitor", ""]
    assert client.get("/curator/", headers=PAGE).headers["location"] == "/login?next=/curator/"
    assert client.get("/curator/").status_code == 401
    assert client.get("/curator/", auth=("a-curator", PASSWORD)).json()[0] == "curator"
    assert studio(access_of(open=True)).get("/curator/", headers=PAGE).status_code == 403


def test_below_a_path_of_a_proxy(users: Path) -> None:
    access = access_of(users=users)
    inside = Login(Starlette(routes=INSIDE), access)
    client = TestClient(Starlette(routes=[Mount("/studio", inside)]), follow_redirects=False)
    sent = client.get("/studio/curator/?a=b", headers=PAGE)
    assert sent.headers["location"] == "/studio/login?next=/curator/%3Fa%3Db"
    assert 'action="/studio/login"' in client.get("/studio/login").text
    form = {"username": "a-owner", "password": PASSWORD, "next": "/curator/?a=b"}
    answer = client.post("/studio/login", data=form, headers=PAGE)
    assert answer.headers["location"] == "/studio/curator/?a=b"
    assert "Path=/studio;" in answer.headers["set-cookie"]
    assert client.get("/studio/curator/").json() == ["owner", "a-owner"]


@pytest.mark.parametrize(
    "value", [b"Basic ???", b"Bearer abc", b"Basic", b"Basic /w==", b"Basic YW!RhOnB3"]
)
def test_nonsense_is_nobody(value: bytes) -> None:
    assert credentials([(b"authorization", value)])[0] == ""
