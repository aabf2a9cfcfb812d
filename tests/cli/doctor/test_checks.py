"""Each check of the doctor on what can be wrong there."""

import errno
import shutil
import sys
from collections import namedtuple
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from blip2core.bundled import CHECKPOINTS
from blip2core.cli.doctor import disk, environment
from blip2core.cli.doctor.database import check_database
from blip2core.cli.doctor.device import check_device
from blip2core.cli.doctor.disk import folders
from blip2core.cli.doctor.environment import check_environment
from blip2core.cli.doctor.findings import Finding, bytes_in_words, public
from blip2core.cli.doctor.models import check_models
from blip2core.storage.database import open_database

Usage = namedtuple("Usage", "total used free")


def wrong(findings: Iterable[Finding]) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings if finding.state == "problem"}


def notes(findings: Iterable[Finding]) -> dict[str, str]:
    return {finding.name: finding.detail for finding in findings if finding.state == "note"}


@pytest.fixture(autouse=True)
def _a_bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("BLIP2_MODEL", "BLIP2_MATCHER", "BLIP2_DEVICE", "BLIP2_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("BLIP2_DATA", str(tmp_path / "data"))


def test_versions_are_compared_with_the_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"blip2-studio": "0.1.0", "numpy": "1.26.0", "torch": "2.13.0+cpu"}
    needs = ["numpy<3,>=2.2", "torch<3,>=2.13", "lacking>=1", "mcp>=1; extra == 'mcp'"]

    def version(name: str) -> str:
        if name not in versions:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(environment.metadata, "version", version)
    monkeypatch.setattr(environment.metadata, "requires", lambda name: needs)
    found = wrong(check_environment())
    assert found["numpy"].detail == "1.26.0 is not what this needs (<3,>=2.2)"
    assert found["lacking"].remedy == "pip install 'lacking>=1'"
    assert set(found) == {"numpy", "lacking"}
    del versions["blip2-studio"]
    assert "not installed" in notes(check_environment())["blip2-studio"]


def test_an_old_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment.sys, "version_info", (3, 10, 1))
    assert "3.11" in wrong(check_environment())["Python"].remedy


def test_torch_that_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert "cannot be imported" in wrong(check_device())["torch"].detail


def test_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    def memory(number: int) -> tuple[int, int]:
        if number:
            raise RuntimeError("an error of the driver")
        return 3_000_000_000, 80_000_000_000

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "mem_get_info", memory)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: "Tried")
    monkeypatch.setenv("BLIP2_DEVICE", "cpu")
    found = {finding.name: finding for finding in check_device()}
    assert found["cuda:0"].detail == "Tried, 3.0 GB of 80.0 GB free"
    assert found["cuda:1"].state == "problem" and found["BLIP2_DEVICE"].state == "ok"


@pytest.mark.parametrize("device", ["cuda:7", "gpu", "mps:nonsense"])
def test_a_device_that_is_not_there(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLIP2_DEVICE", device)
    assert "BLIP2_DEVICE=auto" in wrong(check_device())["BLIP2_DEVICE"].remedy


def test_a_database_that_is_not_there_yet(tmp_path: Path) -> None:
    assert "is not there yet" in notes(check_database())["place"]
    assert not (tmp_path / "data").exists(), "a check makes nothing"


def test_a_database_in_use(tmp_path: Path) -> None:
    database = open_database()
    found = {finding.name: finding.detail for finding in check_database()}
    database.close()
    assert found["state"].startswith("answers, tables of version ")
    assert "writes to it" in found["state"] and found["runs"] == "0 in all, 0 open, 0 failed"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("mysql://x/y", "BLIP2_DATABASE_URL"),
        ("postgresql://ada:geheim@127.0.0.1:1/x", "state"),
        ("{folder}/garbage", "state"),
        ("{folder}", "state"),
    ],
)
def test_a_database_that_does_not_answer(
    url: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "garbage").write_text("garbage" * 1000)
    monkeypatch.setenv("BLIP2_DATABASE_URL", url.format(folder=tmp_path))
    found = list(check_database())
    assert wrong(found)[name].remedy and "geheim" not in str(found)


def test_folders_and_what_is_free(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert [name for name, *_ in disk.folders()] == ["data", "uploads", "temporary", "model cache"]
    for free, state in ((10**12, "ok"), (10**9, "note"), (10**8, "problem")):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: Usage(1, 1, free))
        assert {finding.state for finding in disk.check_disk()} == {state}
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_to(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(**_: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    (tmp_path / "file").touch()
    assert "is no folder" in disk.look_at("data", tmp_path / "file" / "data", "BLIP2_DATA").detail
    monkeypatch.setattr(disk.tempfile, "NamedTemporaryFile", refuse)
    found = disk.look_at("data", tmp_path, "BLIP2_DATA")
    assert found.state == "problem" and "Read-only file system" in found.detail
    assert "BLIP2_DATA" in found.remedy


def test_models(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shutil.copytree(CHECKPOINTS / "stickers-opt", tmp_path / "cut")
    (tmp_path / "cut" / "model.safetensors").write_bytes(b"cut")
    monkeypatch.setenv("BLIP2_MODEL", str(tmp_path / "cut"))
    monkeypatch.setenv("BLIP2_MATCHER", "blip2-itm-vit-g")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    found = list(check_models())
    assert {"cut", "BLIP2_MODEL"} == set(wrong(found))
    assert "is not downloaded yet" in notes(found)["BLIP2_MATCHER"]
    assert "stickers-itm" in {finding.name for finding in found if finding.state == "ok"}
    cached = tmp_path / "cache" / "models--Salesforce--blip2-itm-vit-g" / "snapshots" / "1"
    cached.mkdir(parents=True)
    (cached / "config.json").touch()
    monkeypatch.setenv("BLIP2_MODEL", "nothing")
    found = list(check_models())
    assert "There is no model" in wrong(found)["BLIP2_MODEL"].detail
    assert "is in the cache" in str(found)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "postgresql://ada:pass@host/x?sslpassword=abc&x=1",
            "postgresql://ada:***@host/x?sslpassword=***&x=1",
        ),
        ("/home/ada/file and /Users/bob", "/home/.../file and /Users/..."),
        ("C:\\Users\\ada\\x", "C:\\Users\\...\\x"),
        ("a\nb\x1b[31m", "a\\u000ab\\u001b[31m"),
        ("the value of-the-token is told", "the value *** is told"),
    ],
)
def test_what_can_be_pasted(text: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "of-the-token")
    assert public(text) == shown


def test_the_home_is_a_tilde(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: Path("/srv/ada"))
    assert public("/srv/ada/x: /srv/ada, /srv/adam") == "~/x: ~, /srv/adam"


def test_sizes() -> None:
    sizes = [bytes_in_words(number) for number in (5, 1_500, 2_500_000, 3e9, 4e12)]
    assert sizes == ["5 bytes", "1.5 kB", "2.5 MB", "3.0 GB", "4.0 TB"]


def test_the_folder_of_a_file_that_the_url_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Images lie beside it, and its place is no secret."""
    monkeypatch.delenv("BLIP2_DATA", raising=False)
    monkeypatch.setenv("BLIP2_DATABASE_URL", str(tmp_path / "mine.db"))
    assert dict((name, folder) for name, folder, _ in folders())["data"] == tmp_path
    (place, *_) = check_database()
    assert str(tmp_path / "mine.db") in public(place.detail)
