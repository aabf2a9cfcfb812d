"""What an export says wrote it."""

from importlib.metadata import PackageNotFoundError

import pytest

from blip2core.exports import manifest


def test_the_same_values_are_the_same_bytes() -> None:
    one = manifest.Manifest(data={"b": 1, "a": "\u00e9"}, pairs=1, images=1, files=1)
    other = manifest.Manifest(data={"a": "\u00e9", "b": 1}, pairs=1, images=1, files=1)
    assert one.content == other.content == '{\n  "a": "\u00e9",\n  "b": 1\n}\n'.encode()
    assert one.sha256 == other.sha256


def test_a_tool_that_is_not_installed_has_a_name_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "version", lambda name: "1.2.3")
    assert manifest.tool_version() == "blip2-studio 1.2.3"

    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(manifest, "version", missing)
    assert manifest.tool_version() == "blip2-studio"
