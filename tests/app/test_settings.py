"""Settings come from the environment, and wrong ones are refused."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from app.roles import Role
from app.settings import (
    AppSettings,
    anonymous_role,
    check_is_closed,
    has_login,
    is_allowed,
    may_read_folders,
    other_form,
    proxies_of,
    serves_curator,
)
from blip2core.errors import ConfigError


def test_environment_sets_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLIP2_MODEL", "blip2-opt-2.7b")
    monkeypatch.setenv("BLIP2_PORT", "8000")
    monkeypatch.setenv("BLIP2_DEVICE", "cuda:1")
    settings = AppSettings()
    assert (settings.model, settings.port, settings.device) == ("blip2-opt-2.7b", 8000, "cuda:1")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "70000"),
        ("MAX_UPLOAD", "0"),
        ("DEVICE", "gpu"),
        ("DEVICE", "cuda:x"),
        ("MODEL", ""),
        ("USERS", " "),
        ("IMPORT_ROOT", ""),
        ("ROOT_PATH", "studio"),
        ("ROOT_PATH", "/a//b"),
        ("ROOT_PATH", "/a/../b"),
        ("ROOT_PATH", "/a b"),
        ("ROOT_PATH", "https://example.com/studio"),
        ("PROXIES", "proxy.example"),
        ("PROXIES", "*"),
        ("PROXIES", "10.0.0.0/99"),
    ],
)
def test_value_out_of_range_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"BLIP2_{name}", value)
    with pytest.raises(ValidationError, match=name.lower()):
        AppSettings()


@pytest.mark.parametrize(
    ("given", "address", "allowed"),
    [
        ({}, None, True),
        ({}, "0.0.0.0", False),  # as in the Dockerfile
        ({"host": "192.0.2.1"}, None, False),
        ({"users": Path("users.json")}, None, False),  # a proxy may stand in front
        ({"allowed_hosts": ("studio.example",), "open": True}, None, False),
        ({"root_path": "/studio", "open": True}, None, False),
        ({"import_root": Path("/srv")}, "0.0.0.0", True),
    ],
)
def test_folders_are_for_who_owns_the_machine(
    given: dict[str, Any], address: str | None, allowed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GRADIO_SERVER_NAME", raising=False)
    if address:
        monkeypatch.setenv("GRADIO_SERVER_NAME", address)
    settings = AppSettings(**given)
    assert may_read_folders(settings) == allowed
    assert is_allowed(Path("/srv/pictures"), settings) == allowed
    assert not is_allowed(Path("/srv/../etc"), AppSettings(import_root=Path("/srv")))


USERS, ISSUER = {"users": Path("users")}, {"oidc_issuer": "https://login.example.com"}


@pytest.mark.parametrize(
    ("given", "host", "space", "role", "curator"),
    [
        ({}, None, {}, "owner", True),
        ({"curator": False}, None, {}, "owner", False),
        ({"open": True}, None, {}, "visitor", False),
        ({"open": True}, "0.0.0.0", {}, "visitor", False),
        ({"open": True, **USERS}, "0.0.0.0", {}, "visitor", True),
        (USERS, None, {}, None, True),
        (USERS, "0.0.0.0", {}, None, True),
        (ISSUER, "0.0.0.0", {}, None, True),
        ({}, "0.0.0.0", {"SPACE_ID": "a/b"}, "visitor", False),
        ({}, None, {"SPACE_ID": "a/b"}, "visitor", False),
        ({"open": False, **USERS}, "0.0.0.0", {"SPACE_ID": "a/b"}, None, True),
        ({}, "0.0.0.0", {"SPACE_ID": "a/b", "OAUTH_CLIENT_ID": "c"}, "visitor", True),
        ({}, None, {"OAUTH_CLIENT_ID": "of something else"}, "owner", True),
        ({}, None, {"SPACES_ZERO_GPU": "1"}, "owner", True),  # no Space
        (USERS, None, {"SPACE_ID": "a/b", "SPACES_ZERO_GPU": "true"}, "visitor", False),
    ],
)
def test_who_has_not_logged_in_is(
    given: dict[str, Any],
    host: str | None,
    space: dict[str, str],
    role: Role | None,
    curator: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("GRADIO_SERVER_NAME", "SPACE_ID", "OAUTH_CLIENT_ID", "SPACES_ZERO_GPU"):
        monkeypatch.delenv(name, raising=False)
    for name, value in space.items():
        monkeypatch.setenv(name, value)
    settings = AppSettings(host=host, **given)
    assert anonymous_role(settings) == role
    assert serves_curator(settings) == curator
    signs_in = space.keys() >= {"SPACE_ID", "OAUTH_CLIENT_ID"}
    assert has_login(settings) == bool(given.keys() & {"users", "oidc_issuer"} or signs_in)
    assert may_read_folders(settings) == (role == "owner")
    check_is_closed(settings)


@pytest.mark.parametrize(
    ("given", "path"), [("/studio", "/studio"), ("/a/b.c/", "/a/b.c"), ("/", ""), (None, "")]
)
def test_a_root_path_has_no_slash_at_its_end(
    given: str | None, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if given is not None:
        monkeypatch.setenv("BLIP2_ROOT_PATH", given)
    assert AppSettings().root_path == path


def test_proxies_are_those_of_the_settings_and_of_a_space(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPACE_ID", raising=False)
    assert proxies_of(AppSettings()) == ["127.0.0.1", "::1", "::ffff:127.0.0.1/128"]
    monkeypatch.setenv("BLIP2_PROXIES", "192.0.2.1, 10.0.0.7/8")  # uvicorn knows no such network
    assert proxies_of(AppSettings()) == [
        "192.0.2.1",
        "10.0.0.0/8",
        "::ffff:192.0.2.1/128",
        "::ffff:10.0.0.0/104",
    ]
    monkeypatch.setenv("SPACE_ID", "a/b")
    assert {"172.16.0.0/12", "::ffff:172.16.0.0/108"} <= set(proxies_of(AppSettings()))


@pytest.mark.parametrize(
    ("address", "other"),
    [
        ("10.0.0.1", "::ffff:10.0.0.1/128"),
        ("10.0.0.0/24", "::ffff:10.0.0.0/120"),
        ("::ffff:10.0.0.1", "10.0.0.1/32"),
        ("::ffff:a00:1", "10.0.0.1/32"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::ffff:0:0/95", None),
        ("::1", None),
        ("fc00::/7", None),
    ],
)
def test_an_address_of_a_proxy_has_both_forms(address: str, other: str | None) -> None:
    assert other_form(address) == other
    assert proxies_of(AppSettings(proxies=(address,)))[1:] == ([other] if other else [])


@pytest.mark.parametrize(
    "issuer",
    [
        "http://login.example.com",
        "http://localhost.example.com",
        "http://localhost@login.example.com",
        "http://10.0.0.1:8080/realms/team",
        "http://127.0.0.1.nip.io",
        "http://[::1",
        "http:/localhost",
        "HTTP://login.example.com",
        "https://",
        "ftp://localhost",
        "login.example.com",
    ],
)
def test_an_issuer_is_asked_where_nobody_listens(issuer: str) -> None:
    with pytest.raises(ValidationError, match=r"begins with https://; http:// is for this machine"):
        AppSettings(oidc_issuer=issuer)


@pytest.mark.parametrize(
    "issuer",
    [
        "https://login.example.com/realms/team",
        "http://localhost:8080",
        "http://127.0.0.1:8080/realms/team",
        "http://[::1]:8080",
    ],
)
def test_an_issuer_may_be_on_this_machine(issuer: str) -> None:
    assert AppSettings(oidc_issuer=issuer).oidc_issuer == issuer


@pytest.mark.parametrize(
    "proxied",
    [
        {"allowed_hosts": ("studio.example",)},
        {"root_path": "/a"},
        {"proxies": ("10.0.0.7",)},
    ],
)
def test_behind_a_proxy_without_a_login_it_does_not_start(proxied: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"through a proxy.* BLIP2_USERS .* BLIP2_OPEN=1"):
        check_is_closed(AppSettings(**proxied))
    check_is_closed(AppSettings(open=True, **proxied))


@pytest.mark.parametrize("given", [{}, {"open": False}])
def test_served_to_others_without_a_login_it_does_not_start(
    given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SPACE_ID", raising=False)
    with pytest.raises(ConfigError, match=r"BLIP2_USERS .* BLIP2_OPEN=1"):
        check_is_closed(AppSettings(host="0.0.0.0", **given))
    with pytest.raises(ValidationError, match="begins with https"):
        AppSettings(oidc_issuer="login.example.com")
