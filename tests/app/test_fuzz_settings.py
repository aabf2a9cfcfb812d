"""Any environment gives settings or names the one that is wrong; who comes in is told by an oracle
that was written from the guide, not from the code.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.settings import (
    AppSettings,
    anonymous_role,
    check_is_closed,
    has_login,
    is_allowed,
    may_read_folders,
    proxies_of,
    serves_curator,
    serves_this_machine,
    settings_problems,
)
from blip2core.errors import ConfigError

NAMES = sorted(AppSettings.model_fields)
SECRET = "s3cr3t-of-the-provider"
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
SPECIAL = [
    *("", " ", ",", "0", "1", "true", "off"),
    *("nan", "inf", "1e999", "-1", "٣", "cuda:٣", "cuda:1"),
    *("127.0.0.1", "localhost", "LOCALHOST", "::1", "0.0.0.0", "127.0.0.1 ", "::ffff:127.0.0.1"),
    *("/", "//", "/a", "/a/", "/../a", "/a\n", "a.example, b.example", "*", "10.0.0.0/8"),
    *("https://x", "http://", "ftp://x", "owner", "nobody", "text", "json", "9" * 5_000),
]
VALUES = st.one_of(
    WORDS,
    st.integers().map(str),
    st.floats().map(str),
    st.sampled_from(SPECIAL),
)
ENVIRONMENTS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=5)
OUTSIDE = ("SPACE_ID", "SPACE_HOST", "OAUTH_CLIENT_ID", "GRADIO_SERVER_NAME", "SPACES_ZERO_GPU")


@contextmanager
def environment(values: dict[str, str]) -> Iterator[None]:
    """Only these variables, of those that settings are made of."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("BLIP2_") or name in OUTSIDE:
                patch.delenv(name)
        for name, value in values.items():
            patch.setenv(name, value)
        yield


def settings_of(values: dict[str, str]) -> AppSettings | None:
    """The settings; None where they are refused, each with the name of its variable."""
    try:
        return AppSettings()
    except ValidationError as error:
        problems = settings_problems(error)
        assert problems
        for told in problems:
            name = told.partition(":")[0].removeprefix("BLIP2_").lower()
            assert name in values and len(told.splitlines()) == 1, told
            assert SECRET not in told
        return None


@given(ENVIRONMENTS)
@example({"device": "cuda:٣"})
@example({"proxies": "10.0.0.0/8\r\nall is well"})
@example({"port": "9" * 5_000})
def test_any_environment_gives_settings_or_names_the_wrong_one(values: dict[str, str]) -> None:
    given = {f"BLIP2_{name.upper()}": value for name, value in values.items()}
    with environment(given | {"BLIP2_OIDC_CLIENT_SECRET": SECRET}):
        settings = settings_of(values | {"oidc_client_secret": SECRET})
        if settings is None:
            return
        assert settings.device.isascii()
        assert settings.longest_job > 0 and 0 < settings.session_hours <= 720
        assert settings.root_path == "" or settings.root_path.startswith("/")
        assert not settings.root_path.endswith("/") and ".." not in settings.root_path.split("/")
        texts = settings.model_dump(exclude={"root_path"}).values()
        assert all(text.strip() for text in texts if isinstance(text, str))
        assert SECRET not in repr(settings)
        assert proxies_of(settings)[: len(settings.proxies)] == list(settings.proxies)


HOSTS = st.sampled_from(
    [None, "127.0.0.1", "localhost", "::1", "0.0.0.0", "::", "192.0.2.1", "127.0.0.2", "localhost."]
)
LOGINS = st.fixed_dictionaries(
    {},
    optional={
        "users": st.just("people"),
        "oidc_issuer": st.just("https://login.example"),
        "open": st.sampled_from(["0", "1"]),
        "curator": st.sampled_from(["0", "1"]),
        "allowed_hosts": st.sampled_from(["studio.example", ","]),
        "root_path": st.sampled_from(["/", "/studio"]),
        "import_root": st.just("/srv/images"),
        "downloads": st.sampled_from(["0", "1"]),
        "oidc_role": st.sampled_from(["visitor", "curator", "owner", "nobody"]),
        "metrics": st.just("1"),
    },
)
SPACES = st.sampled_from([{}, {"SPACE_ID": "a/b"}, {"SPACE_ID": "a/b", "OAUTH_CLIENT_ID": "c"}])


@given(LOGINS, HOSTS, HOSTS, SPACES)
def test_nobody_is_owner_without_a_login_but_on_this_machine_alone(
    values: dict[str, str], host: str | None, gradio_host: str | None, space: dict[str, str]
) -> None:
    known: dict[str, Any] = {f"BLIP2_{name.upper()}": value for name, value in values.items()}
    if host is not None:
        known["BLIP2_HOST"] = host
    if gradio_host is not None:
        known["GRADIO_SERVER_NAME"] = gradio_host
    with environment(known | space):
        settings = AppSettings()
        listens = host or gradio_host or "127.0.0.1"
        to_others = listens not in ("127.0.0.1", "localhost", "::1")
        to_others |= values.get("allowed_hosts") == "studio.example"
        to_others |= values.get("root_path") == "/studio"
        logs_in = bool({"users", "oidc_issuer"} & values.keys()) or len(space) == 2
        opened = values.get("open", "1" if space else "0") == "1"

        role = anonymous_role(settings)
        assert (role == "owner") == (not to_others and not logs_in and not opened)
        assert (role == "visitor") == opened
        assert serves_this_machine(settings) == (not to_others)
        assert has_login(settings) == logs_in
        # Closed, open, or with a login: one of them, or it does not start.
        if to_others and not logs_in and not opened:
            with pytest.raises(ConfigError, match="BLIP2_USERS"):
                check_is_closed(settings)
        else:
            check_is_closed(settings)
        # The curator only for somebody who may judge; folders only for owners of the machine.
        assert not serves_curator(settings) or logs_in or role == "owner"
        if "import_root" not in values:
            assert may_read_folders(settings) == (role == "owner")
        for path in ("/srv/images/a", "/srv/images/../b", "/etc", "/srv/images-b"):
            inside = Path(path).resolve().is_relative_to("/srv/images")
            assert is_allowed(Path(path), settings) == (
                inside if "import_root" in values else role == "owner"
            )
