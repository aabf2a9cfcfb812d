"""Settings come from the environment, and wrong ones are refused."""

import pytest
from pydantic import ValidationError

from app.settings import AppSettings


def test_environment_sets_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLIP2_MODEL", "blip2-opt-2.7b")
    monkeypatch.setenv("BLIP2_PORT", "8000")
    settings = AppSettings()
    assert (settings.model, settings.port, settings.device) == ("blip2-opt-2.7b", 8000, "auto")


@pytest.mark.parametrize(("name", "value"), [("PORT", "70000"), ("MAX_UPLOAD", "0")])
def test_value_out_of_range_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"BLIP2_{name}", value)
    with pytest.raises(ValidationError, match=name.lower()):
        AppSettings()
