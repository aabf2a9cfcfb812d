"""What an export says wrote it."""

from importlib.metadata import PackageNotFoundError

import pytest

from blip2core.exports import manifest


def test_a_tool_that_is_not_installed_has_a_name_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "version", lambda name: "1.2.3")
    assert manifest.tool_version() == "blip2-studio 1.2.3"

    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(manifest, "version", missing)
    assert manifest.tool_version() == "blip2-studio"
