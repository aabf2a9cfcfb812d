"""What the doctor sees of the app: settings, who comes in, ports; nothing secret is told."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.doctor import CHECKS
from app.login.users import add_user
from app.serving.ports import listen
from blip2core.cli.doctor.findings import Finding, results, safe


@pytest.fixture(autouse=True)
def _a_bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.upper().startswith(("BLIP2_", "GRADIO_SERVER", "SPACE_")):
            monkeypatch.delenv(name)


def found(area: str) -> list[Finding]:
    return [safe(finding) for finding in results(area, CHECKS[area])]


def problems(area: str) -> list[tuple[str, str, str]]:
    wrong = [finding for finding in found(area) if finding.state == "problem"]
    return [(finding.name, finding.detail, finding.remedy) for finding in wrong]


@pytest.fixture
def taken() -> Iterator[int]:
    with listen("127.0.0.1", None) as other:
        yield other.getsockname()[1]


def test_without_settings_nothing_is_wrong() -> None:
    assert [problems(area) for area in CHECKS] == [[], [], []]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("BLIP2_USRS", "Did you mean BLIP2_USERS?"),
        ("BLIP2_DATABSE_URL", "Did you mean BLIP2_DATABASE_URL?"),
        ("blip2_port", "Write BLIP2_PORT."),
        ("BLIP2_QQQQ", "blip2-studio --help names all."),
    ],
)
def test_names_that_nothing_reads(name: str, hint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "7999")
    ((told, _, remedy),) = problems("settings")
    assert (told, remedy) == (name, hint)


def test_all_settings_that_are_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLIP2_PORT", "abc")
    monkeypatch.setenv("BLIP2_DEVICE", "gpu")
    monkeypatch.setenv("BLIP2_USERS", "")
    assert {name for name, _, _ in problems("settings")} == {
        "BLIP2_PORT", "BLIP2_DEVICE", "BLIP2_USERS",
    }  # fmt: skip
    assert problems("people") and problems("ports"), "told, and no more than that"


def test_settings_in_effect_without_secrets_and_people(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "BLIP2_OIDC_CLIENT_SECRET": "geheim-1",
        "BLIP2_OIDC_CLIENT_ID": "client-1",
        "BLIP2_OWNERS": "ada,bob",
        "BLIP2_DATABASE_URL": "postgresql://x:geheim-2@host/name",
        "BLIP2_IMPORT_ROOT": f"{Path.home()}/images",
        "BLIP2_QUEUE_SIZE": "7",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    told = {finding.name: finding.detail for finding in found("settings")}
    assert set(told) == set(values)
    assert told["BLIP2_QUEUE_SIZE"] == "7" and told["BLIP2_IMPORT_ROOT"] == "~/images"
    text = " ".join(told.values())
    assert not any(word in text for word in ("geheim", "client-1", "ada", str(Path.home())))


def test_open_to_everybody_unsaid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLIP2_HOST", "0.0.0.0")
    ((_, detail, _),) = problems("people")
    assert "BLIP2_OPEN=1" in detail


def test_a_space(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_ID", "a/b")
    monkeypatch.setenv("BLIP2_HOST", "0.0.0.0")
    login, curator = found("people")
    assert login.detail == "who has not logged in is visitor, on a Space"
    assert curator.detail == "not served"


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, ""), ("ada\n", "line 1"), (b"\xff", "not UTF-8"), ("", "names nobody")],
)
def test_the_file_of_users(
    content: str | bytes | None, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "users"
    monkeypatch.setenv("BLIP2_USERS", str(file))
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        ((_, detail, remedy),) = problems("people")
        assert said in detail and "app.users" in remedy
        return
    assert "is made at the first start" in found("people")[-1].detail
    add_user(file, "ada", "correct horse")
    assert "can be read" in found("people")[-1].detail
    assert "argon2" not in str(found("people"))


@pytest.mark.parametrize("setting", ["BLIP2_PORT", "BLIP2_METRICS_PORT"])
def test_a_taken_port(setting: str, taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLIP2_METRICS", "1")
    monkeypatch.setenv(setting, str(taken))
    ((_, detail, _),) = problems("ports")
    assert f"{taken} of 127.0.0.1 is taken" in detail and setting in detail


def test_a_port_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_SERVER_PORT", "abc")
    ((_, detail, _),) = problems("ports")
    assert "GRADIO_SERVER_PORT must be a whole number" in detail
