"""Signing in at a provider: only with its word, meant for this browser and this studio."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.testclient import TestClient

from app.login.access import Access, build_access
from app.login.middleware import Login
from app.login.sign_in import FREE_TRIES, SignIn, provider_of
from app.login.users import add_user
from app.roles import Role
from app.settings import AppSettings
from blip2core.errors import ConfigError
from tests.app.login.clock import Clock
from tests.app.login.provider import ISSUER, FakeProvider, parameters
from tests.app.login.test_middleware import INSIDE, PAGE

SPACE = {
    "SPACE_ID": "ada/studio",
    "SPACE_HOST": "ada-studio.hf.space",
    "SPACE_AUTHOR_NAME": "ada",
    "OAUTH_CLIENT_ID": "studio",
    "OAUTH_CLIENT_SECRET": "secret",
    "OAUTH_SCOPES": "openid profile",
    "OPENID_PROVIDER_URL": ISSUER,
}


@pytest.fixture(autouse=True)
def no_space(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*SPACE, "GRADIO_SERVER_NAME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def provider() -> FakeProvider:
    return FakeProvider()


def studio(provider: FakeProvider, **settings: Any) -> TestClient:
    known = {"oidc_issuer": ISSUER, "oidc_client_id": "studio", "oidc_client_secret": "secret"}
    return served(build_access(AppSettings(**(known | settings))), provider)


def served(access: Access, provider: FakeProvider) -> TestClient:
    assert access.sign_in is not None
    asked = SignIn(access.sign_in.provider, transport=httpx2.ASGITransport(provider.app))
    app = Login(Starlette(routes=INSIDE), replace(access, sign_in=asked))
    return TestClient(app, follow_redirects=False, base_url="https://studio.example.com")


def come_back(client: TestClient, provider: FakeProvider, onward: str = "/") -> httpx2.Response:
    """Walk the way of a browser; what the studio answers at the end."""
    client.get("/login", params={"next": onward}, headers=PAGE)
    sent = client.get("/login/provider", headers=PAGE)
    assert sent.status_code == 302, sent.text
    with TestClient(provider.app, base_url=ISSUER, follow_redirects=False) as there:
        back = there.get(sent.headers["location"]).headers["location"]
    assert back.startswith(("https://studio.example.com/", "https://ada-studio.hf.space/"))
    return client.get("/login/callback", params=parameters(back), headers=PAGE)


def test_the_page_offers_it(provider: FakeProvider) -> None:
    shown = studio(provider).get("/login", headers=PAGE).text
    assert "Sign in with login.example.com" in shown and 'href="/login/provider"' in shown
    assert 'type="password"' not in shown, "nobody has a password"


@pytest.mark.parametrize(
    ("settings", "role"),
    [
        ({}, "visitor"),
        ({"curators": ("bob", "ada")}, "curator"),
        ({"owners": ("ada",), "curators": ("ada",)}, "owner"),
        ({"oidc_role": "curator"}, "curator"),
        ({"oidc_name": "sub", "owners": ("1",)}, "owner"),
    ],
)
def test_who_signs_in_has_the_role_of_their_name(
    provider: FakeProvider, settings: dict[str, Any], role: Role
) -> None:
    client = studio(provider, **settings)
    assert client.get("/").status_code == 401
    answer = come_back(client, provider, "/?tab=match")
    assert (answer.status_code, answer.headers["location"]) == (303, "/?tab=match")
    assert client.get("/").json() == [role, "1" if "oidc_name" in settings else "ada"]
    assert client.post("/logout").status_code == 303
    assert client.get("/").status_code == 401


def test_signing_in_again_after_twelve_hours_is_one_click(provider: FakeProvider) -> None:
    """Whom the provider has removed is out then."""
    access = build_access(AppSettings(oidc_issuer=ISSUER, oidc_client_id="studio"))
    access.sessions._clock = clock = Clock()
    access.sessions.idle_seconds = 100 * 3_600.0
    client = served(access, provider)
    come_back(client, provider)
    clock.now += 12 * 3_600
    assert client.get("/").status_code == 200
    clock.now += 1
    assert client.get("/").status_code == 401
    assert client.get("/", headers=PAGE).headers["location"] == "/login?next=/"
    assert come_back(client, provider).headers["location"] == "/"
    assert client.get("/").status_code == 200


def test_signing_in_ends_the_session_of_the_same_browser(provider: FakeProvider) -> None:
    access = build_access(AppSettings(oidc_issuer=ISSUER, oidc_client_id="studio"))
    client = served(access, provider)
    come_back(client, provider)
    (before,) = access.sessions._all()
    come_back(client, provider)
    assert access.sessions.is_over(before) and len(access.sessions._all()) == 1


def test_the_names_are_read_from_the_environment(
    provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLIP2_OWNERS", "eve, ada")
    client = studio(provider)
    come_back(client, provider)
    assert client.get("/").json() == ["owner", "ada"]


def test_some_are_not_let_in(provider: FakeProvider) -> None:
    client = studio(provider, oidc_role="nobody", curators=("bob",))
    refused = come_back(client, provider)
    assert refused.status_code == 403 and "ada is not let in" in refused.text
    assert client.get("/").status_code == 401
    provider.claims["preferred_username"] = "bob"
    assert come_back(client, provider).status_code == 303


@pytest.mark.parametrize(
    "claim",
    [None, "", 7, "x" * 300, "ada ", "ada\n", "ada\u200b", "\u202eada", "e\u0301va"],
)
def test_a_name_is_needed(provider: FakeProvider, claim: Any) -> None:
    provider.claims["preferred_username"] = claim
    refused = come_back(studio(provider, owners=("ada",)), provider)
    assert refused.status_code == 401 and "does not say who you are" in refused.text


def test_an_address_counts_only_where_it_is_verified(provider: FakeProvider) -> None:
    provider.claims |= {"email": "ada@example.com"}
    client = studio(provider, oidc_name="email", owners=("ada@example.com",))
    assert come_back(client, provider).status_code == 401
    provider.claims |= {"email_verified": True}
    assert come_back(client, provider).status_code == 303


def forge(provider: FakeProvider, how: str) -> None:
    if how == "key":
        provider.signed_by = RSAKey.generate_key(2048, {"kid": "one"})
    elif how == "issuer":
        provider.issuer = "https://evil.com"
    elif how == "audience":
        provider.claims["aud"] = "another studio"
    elif how == "nonce":
        provider.nonce = "that of another browser"
    elif how == "age":
        provider.lifetime = -3_600
    elif how == "unsigned":
        provider.answered = {"userinfo": {"sub": "s1", "preferred_username": "ada"}}


@pytest.mark.parametrize("how", ["key", "issuer", "audience", "nonce", "age", "unsigned"])
def test_a_token_that_is_not_for_us_signs_nobody_in(provider: FakeProvider, how: str) -> None:
    forge(provider, how)
    client = studio(provider)
    refused = come_back(client, provider)
    assert refused.status_code == 401 and "did not succeed" in refused.text, refused.text
    assert client.get("/").status_code == 401


def test_the_way_back_is_for_the_browser_that_left(provider: FakeProvider) -> None:
    client = studio(provider)
    sent = client.get("/login/provider", headers=PAGE)
    with TestClient(provider.app, base_url=ISSUER, follow_redirects=False) as there:
        back = parameters(there.get(sent.headers["location"]).headers["location"])
    another = TestClient(client.app, base_url=str(client.base_url), follow_redirects=False)
    for who, given in (
        (another, back),
        (client, {**back, "state": "another"}),
        (client, {"state": back["state"]}),
        (client, {}),
        (client, {"error": "access_denied", "state": back["state"]}),
    ):
        answer = who.get("/login/callback", params=given, headers=PAGE)
        assert answer.status_code == 401, given
        assert who.get("/").status_code == 401


def test_a_way_back_is_good_for_once(provider: FakeProvider) -> None:
    """Else each replay would ask the provider, with the secret of the studio."""
    client = studio(provider)
    client.get("/login/provider", headers=PAGE)
    state = {"state": "x" * 20, "code": "code0"}
    asked = [client.get("/login/callback", params=state, headers=PAGE) for _ in range(3)]
    assert {answer.status_code for answer in asked} == {401}
    client = studio(provider)
    sent = client.get("/login/provider", headers=PAGE)
    with TestClient(provider.app, base_url=ISSUER, follow_redirects=False) as there:
        back = parameters(there.get(sent.headers["location"]).headers["location"])
    cookies = dict(client.cookies)
    assert client.get("/login/callback", params=back, headers=PAGE).status_code == 303
    provider.asked_tokens = 0
    client.cookies.update(cookies)
    assert client.get("/login/callback", params=back, headers=PAGE).status_code == 401
    assert provider.asked_tokens == 0


def test_who_begins_to_sign_in_again_and_again_has_to_wait(provider: FakeProvider) -> None:
    client = studio(provider)
    answers = [client.get("/login/provider", headers=PAGE) for _ in range(FREE_TRIES + 2)]
    assert [answer.status_code for answer in answers[-3:]] == [302, 302, 429]
    assert "too many attempts" in answers[-1].text and answers[-1].headers["retry-after"] == "1"
    others = studio(provider)
    for _ in range(FREE_TRIES):
        assert come_back(others, provider).status_code == 303, "who gets in does not wait"


def test_the_way_back_is_kept_in_a_cookie_of_this_host(provider: FakeProvider) -> None:
    """Who could set it would sign others in as themselves."""
    client = studio(provider)
    sent = client.get("/login/provider", headers=PAGE)
    cookie = sent.headers["set-cookie"]
    assert cookie.startswith("__Host-") and "path=/;" in cookie and "secure" in cookie
    with TestClient(provider.app, base_url=ISSUER, follow_redirects=False) as there:
        back = parameters(there.get(sent.headers["location"]).headers["location"])
    name, _, value = cookie.partition(";")[0].partition("=")
    client.cookies.clear()
    client.cookies.set(name.removeprefix("__Host-"), value)
    assert client.get("/login/callback", params=back, headers=PAGE).status_code == 401


def test_a_provider_that_does_not_answer_is_told(provider: FakeProvider) -> None:
    provider.is_down = True
    answer = studio(provider).get("/login/provider", headers=PAGE)
    assert answer.status_code == 503 and "cannot be asked" in answer.text
    assert answer.headers["retry-after"]


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
@pytest.mark.parametrize("address", ["http://login.example.com/x", "", None])
def test_a_provider_is_not_asked_where_others_listen(
    provider: FakeProvider, name: str, address: str | None
) -> None:
    """Its keys could be those of somebody on the way."""
    provider.configured[name] = address
    answer = studio(provider).get("/login/provider", headers=PAGE)
    assert answer.status_code == 503 and "cannot be asked" in answer.text


def test_a_provider_of_a_space_is_asked_by_https(monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in {**SPACE, "OPENID_PROVIDER_URL": "http://hub.example.com"}.items():
        monkeypatch.setenv(key, value)
    with pytest.raises(ConfigError, match="OPENID_PROVIDER_URL must be .* https://"):
        build_access(AppSettings())


def test_on_a_space_hugging_face_says_who_it_is(
    provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in SPACE.items():
        monkeypatch.setenv(name, value)
    client = served(build_access(AppSettings()), provider)
    assert client.get("/").json() == ["visitor", ""], "anyone may ask"
    assert client.get("/curator/", headers=PAGE).status_code == 303
    assert come_back(client, provider, "/curator/").headers["location"] == "/curator/"
    assert client.get("/curator/").json() == ["owner", "ada"], "whose Space it is"


def test_a_name_of_the_file_of_users_is_another_account(
    provider: FakeProvider, tmp_path: Path
) -> None:
    """Neither its role, nor that it must choose a password, is theirs who sign in elsewhere."""
    add_user(tmp_path / "users", "ada", "correct horse", role="owner", once=True)
    client = studio(provider, users=tmp_path / "users")
    come_back(client, provider)
    assert client.get("/", headers=PAGE).json() == ["visitor", "ada (login.example.com)"]
    assert client.get("/login/password").headers["location"] == "/login"


def test_no_two_people_have_one_name(provider: FakeProvider, tmp_path: Path) -> None:
    """Names decide whose quota and whose decisions it is, also of who comes into the file later."""
    add_user(tmp_path / "users", "ada", "correct horse", role="owner")
    known: dict[str, Any] = {"oidc_issuer": ISSUER, "oidc_client_id": "studio"}
    access = build_access(AppSettings(users=tmp_path / "users", curators=("bob",), **known))
    client, names = served(access, provider), set()
    form = {"username": "ada", "password": "correct horse"}
    assert client.post("/login", data=form).status_code == 200
    names.add(tuple(client.get("/").json()))
    for number, name in enumerate(("ada", "ada (login.example.com)", "bob")):
        provider.claims |= {"sub": f"{number}", "preferred_username": name}
        assert come_back(client, provider).status_code == 303
        names.add(tuple(client.get("/").json()))
    add_user(tmp_path / "users", "bob", "battery staple", role="owner")
    assert client.get("/").json() == ["curator", "bob (login.example.com)"]
    assert client.post("/login", data={"username": "bob", "password": "battery staple"})
    names.add(tuple(client.get("/").json()))
    assert names == {
        ("owner", "ada"),
        ("visitor", "ada (login.example.com)"),
        ("visitor", "ada (login.example.com) (login.example.com)"),
        ("curator", "bob (login.example.com)"),
        ("owner", "bob"),
    }
    with pytest.raises(ConfigError):
        add_user(tmp_path / "users", "ada (login.example.com)", "correct horse")


def test_a_name_that_two_people_have_at_the_provider_is_the_firsts(provider: FakeProvider) -> None:
    access = build_access(AppSettings(oidc_issuer=ISSUER, oidc_client_id="studio"))
    first, second = served(access, provider), served(access, provider)
    come_back(first, provider)
    provider.claims["sub"] = "2"
    refused = come_back(second, provider)
    assert refused.status_code == 403 and "Somebody else is signed in as ada" in refused.text
    assert second.get("/").status_code == 401
    first.post("/logout")
    assert come_back(second, provider).status_code == 303
    provider.claims["sub"] = "1"
    assert come_back(first, provider).status_code == 403
    provider.claims["sub"] = "2"
    assert come_back(first, provider).status_code == 303, "at another browser"
    assert second.get("/").status_code == 200


def test_no_provider_without_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    assert provider_of(AppSettings()) is None
    monkeypatch.setenv("SPACE_ID", "ada/studio")
    assert provider_of(AppSettings()) is None, "a Space without sign-in"
