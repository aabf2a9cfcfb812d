"""Settings come from the environment, and wrong ones are refused."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from app.settings import AppSettings, is_allowed, may_read_folders


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
