"""Forms, cookies and headers of strangers: nobody comes in who has not given their password."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from argon2 import PasswordHasher
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from app.login import users as users_module
from app.login.access import Access, build_access
from app.login.middleware import Login
from app.login.routes import safe_onward
from app.login.users import add_user
from app.roles import ROLES, VISITOR_HEADER, visitor_of
from app.settings import AppSettings

PASSWORD = "correct horse"
WORDS = st.text(st.characters(), max_size=20) | st.sampled_from(
    ["a-owner", PASSWORD, "", "\0", "\ud800", "x" * 2_000, "a" * 20_000, "a-owner:", "owner"]
)
HEADER = st.binary(max_size=60).filter(lambda text: not set(text) & set(b"\r\n\0"))
CHARSETS = st.sampled_from(
    ["utf-8", "utf-7", "utf-16", "unicode_escape", "undefined", "idna", "zlib", "nothing", "x" * 99]
)


def who(request: Request) -> JSONResponse:
    visitor = visitor_of(request.headers)
    return JSONResponse({"inside": [visitor.role, visitor.name]})


@pytest.fixture(scope="module")
def access(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Access]:
    file = tmp_path_factory.mktemp("login") / "users"
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(users_module, "PasswordHasher", lambda: quick)
        for name in ("SPACE_ID", "SPACE_HOST", "OAUTH_CLIENT_ID"):
            patch.delenv(name, raising=False)
        for role in ROLES:
            add_user(file, f"a-{role}", PASSWORD, role=role)
        yield build_access(AppSettings(users=Path(file)))


@pytest.fixture(scope="module")
def client(access: Access) -> Iterator[TestClient]:
    routes = [Route("/{path:path}", who, methods=["GET", "POST", "HEAD", "PUT"])]
    with TestClient(Login(Starlette(routes=routes), access), follow_redirects=False) as client:
        yield client


@pytest.fixture(autouse=True)
def patience(access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is held up for what others tried before."""
    assert access.passwords is not None
    for throttle in (access.passwords._by_name, access.passwords._by_address):
        monkeypatch.setattr(throttle, "free", 10**9)


def refused(answer: Any) -> None:
    """A refusal in words, which lets nobody in."""
    assert answer.status_code in (200, 303, 400, 401, 405, 413, 429), answer.status_code
    assert "inside" not in answer.text and "Traceback" not in answer.text
    if answer.status_code == 303:
        assert answer.headers["location"].startswith("/login")
    is_head = answer.request.method == "HEAD"
    if answer.status_code == 401 and "html" not in answer.headers["content-type"] and not is_head:
        assert len(answer.text.splitlines()) == 1


FORMS = st.dictionaries(
    st.sampled_from(["username", "password", "next", "new", "again", "more"]), WORDS, max_size=5
)
PAGES = st.sampled_from(["/login", "/login/", "/logout", "/login/password", "/login/provider"])


def given_rightly(form: dict[str, str]) -> bool:
    names = {f"a-{role}" for role in ROLES}
    return form.get("username") in names and form.get("password") == PASSWORD


@given(PAGES, FORMS, st.sampled_from(["text/html", "*/*", ""]))
@example("/login", {"username": "a-owner", "password": "\ud800"}, "text/html")
@example("/login", {"username": "\ud800", "password": "\ud800"}, "text/html")
def test_a_form_lets_in_who_knows_the_password(
    client: TestClient, page: str, form: dict[str, str], accept: str
) -> None:
    client.cookies.clear()
    body = urlencode(form, errors="surrogatepass").encode()
    kind = {"content-type": "application/x-www-form-urlencoded", "accept": accept}
    answer = client.post(page, content=body, headers=kind)
    came_in = "set-cookie" in answer.headers and "Max-Age=0" not in answer.headers["set-cookie"]
    assert came_in == (given_rightly(form) and page.startswith("/login") and len(page) < 8)
    if came_in:
        onward = answer.headers.get("location", "/")
        assert onward.startswith("/") and not onward.startswith(("//", "/\\"))
        assert client.get("/curator/x").status_code in (200, 403)
    else:
        refused(answer)
    client.cookies.clear()


def multipart(fields: dict[str, bytes], charset: str) -> tuple[bytes, str]:
    parts = [
        b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name.encode(), value)
        for name, value in fields.items()
    ]
    return b"".join([*parts, b"--b--\r\n"]), f"multipart/form-data; boundary=b; charset={charset}"


@given(
    st.fixed_dictionaries({"username": st.binary(max_size=20), "password": st.binary(max_size=20)})
    | st.just({"username": b"a-owner", "password": b"+2AA-"}),
    CHARSETS,
)
@example({"username": b"a-owner", "password": b"+2AA-"}, "utf-7")
@example({"username": b"+2AA-", "password": b"+2AA-"}, "utf-7")
@example({"username": b"a-owner", "password": b"x"}, "undefined")
@example({"username": b"a-owner", "password": b"\\\0"}, "unicode_escape")
@example({"username": b"a-owner", "password": b"+2AA-"}, "utf-7; not=utf-8")
@example({"username": b"a-owner", "password": b"x"}, "undefined; not=utf-8")
@example({"username": b"xn--a\xff", "password": b"x"}, "idna")
def test_a_form_in_any_charset_is_no_way_in(
    client: TestClient, fields: dict[str, bytes], charset: str
) -> None:
    client.cookies.clear()
    body, kind = multipart(fields, charset)
    answer = client.post("/login", content=body, headers={"content-type": kind})
    refused(answer)
    assert "set-cookie" not in answer.headers


@given(
    st.dictionaries(
        st.sampled_from(["authorization", "cookie", VISITOR_HEADER, "content-length", "accept"]),
        HEADER,
        max_size=4,
    ),
    st.sampled_from(["GET", "POST", "HEAD", "PUT"]),
    st.sampled_from(["/", "/curator", "/curator/x", "/login", "/logout", "/login/password"]),
)
@example({"content-length": b"9" * 5_000}, "POST", "/login")
def test_headers_are_no_way_in(
    client: TestClient, headers: dict[str, bytes], method: str, path: str
) -> None:
    client.cookies.clear()
    refused(client.request(method, path, headers=headers))


@given(WORDS, WORDS)
def test_basic_authentication(client: TestClient, name: str, password: str) -> None:
    client.cookies.clear()
    given_words = f"{name}:{password}".encode("utf-8", "surrogatepass")
    header = b"Basic " + base64.b64encode(given_words)
    answer = client.get("/x", headers={"authorization": header})
    read_name, _, read_password = f"{name}:{password}".partition(":")
    if given_rightly({"username": read_name, "password": read_password}):
        assert answer.json()["inside"][1] == read_name
    else:
        refused(answer)


@given(WORDS | st.text("/\\.:@\t\n a", max_size=8))
def test_where_somebody_goes_on_is_inside(address: str) -> None:
    onward = safe_onward(address)
    assert onward.startswith("/") and not onward.startswith(("//", "/\\"))
    assert "\\" not in onward and onward.isprintable()


def test_a_name_that_nobody_can_have_is_not_remembered(client: TestClient, access: Access) -> None:
    assert access.passwords is not None
    known = access.passwords._by_name._known
    before = len(known)
    refused(client.post("/login", data={"username": "x" * 10_000, "password": "wrong horse"}))
    assert len(known) == before


@pytest.mark.parametrize("path", ["/login", "/logout", "/login/password", "/"])
def test_head_is_answered_as_get_is(client: TestClient, path: str) -> None:
    client.cookies.clear()
    page = {"accept": "text/html"}
    assert client.head(path, headers=page).status_code == client.get(path, headers=page).status_code
