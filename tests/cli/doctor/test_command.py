"""`blip2 doctor` on a machine where all is well, and where much is broken."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from blip2core import cli
from blip2core.cli.doctor import command
from blip2core.cli.doctor.findings import Finding
from blip2core.errors import ModelError

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _a_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLIP2_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("BLIP2_DATABASE_URL", raising=False)


def run(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str]:
    capsys.readouterr()
    code = cli.main(["doctor", *options])
    return code, capsys.readouterr().out


def rows(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run(capsys, "--json")[1].splitlines()]


def test_all_is_well(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blip2core.cli.doctor.disk.LOW", 0)
    code, told = run(capsys)
    assert code == 0, told
    for line in (
        "environment",
        "  ok   Python: ",
        "device",
        "database",
        "disk",
        "models",
        "settings",
    ):
        assert line in told
    assert "stickers-opt loads" in told and told.endswith("Nothing is wrong.\n")
    assert "settings" in {row["area"] for row in rows(capsys)}, "the app adds its checks"


def test_it_works_where_much_is_broken(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    home = tmp_path / "home" / "ada-lovelace"
    secrets = {
        "BLIP2_DATABASE_URL": "postgresql://bob:geheim%401@127.0.0.1:1/x?password=geheim2",
        "HF_TOKEN": "hf_geheim3",
        "BLIP2_OIDC_CLIENT_SECRET": "geheim4",
        "HF_ENDPOINT": "https://me:geheim5@mirror.example",
    }
    broken = {
        "BLIP2_DEVICE": "cuda:99",
        "BLIP2_MODEL": str(home / "model"),
        "BLIP2_PORT": "abc",
        "BLIP2_DATA": str(tmp_path / "file"),
        "HOME": str(home),
        "HF_HUB_OFFLINE": "1",
    }
    for name, value in (secrets | broken).items():
        monkeypatch.setenv(name, value)
    code, told = run(capsys)
    assert code == 2 and re.search(r"^\d+ problems\.$", told, re.MULTILINE)
    for said in (
        "!!   BLIP2_DEVICE: cuda:99 cannot be used",
        "!!   state: ",
        "!!   data: ",
        "!!   BLIP2_MODEL: There is no model '~/model'",
        "!!   BLIP2_PORT: ",
        "models are not downloaded",
    ):
        assert said in told, told
    assert "geheim" not in told and "ada-lovelace" not in told
    assert told.count("       -> ") >= 5


@pytest.mark.parametrize(
    "module", ["torch", "sqlalchemy", "transformers", "app.settings", "packaging.requirements"]
)
def test_a_package_that_cannot_be_imported_stops_no_other_check(
    module: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [
        name for name in sys.modules if name.startswith(("app.doctor", "app.serving.start"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    held = {"torch": ["blip2core.models.loading"], "sqlalchemy": ["blip2core.storage.database"]}
    for name in [module, *held.get(module, [])]:
        monkeypatch.setitem(sys.modules, name, None)
    found = rows(capsys)
    assert {row["area"] for row in found} >= {"environment", "device", "disk", "models"}
    if module != "transformers":
        assert any(row["state"] == "problem" for row in found)


def test_a_check_that_fails_is_told_without_what_it_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> list[Finding]:
        raise ValueError("geheim")

    def fail_clearly() -> list[Finding]:
        raise ModelError("No weights.")

    monkeypatch.setattr(command, "CHECKS", {"one": fail, "two": fail_clearly})
    first, second = rows(capsys)[:2]
    assert (first["state"], first["detail"]) == ("problem", "could not be done: ValueError")
    assert second["detail"] == "could not be done: No weights."


def test_without_the_app(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "STUDIO", "nothing_of_this_name.doctor")
    monkeypatch.setattr(command, "CHECKS", {})
    assert rows(capsys) == [
        {"area": "studio", "name": "app", "detail": "not installed", "state": "note", "remedy": ""}
    ]


def test_the_library_names_the_app_here_alone() -> None:
    files = (ROOT / "blip2core").rglob("*.py")
    naming = [file.name for file in files if re.search(r'"app\.', file.read_text("utf-8"))]
    assert naming == ["command.py"]
