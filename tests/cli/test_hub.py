"""blip2 hub: what is pushed is shown first, and pulled again as it was."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blip2core.cli import main
from blip2core.exports import export_pairs
from tests.exports.conftest import SUBJECT, make_pairs, store  # noqa: F401 - fixtures
from tests.exports.test_exports import contents
from tests.remote.fake_hub import TOKEN, FakeHub, serve

pytestmark = pytest.mark.filterwarnings(
    "ignore:Use 'content=<...>' to upload:DeprecationWarning"  # how the client sends large files
)


@pytest.fixture
def exported(tmp_path: Path, make_pairs: Callable[..., Any]) -> Path:  # noqa: F811
    out = tmp_path / "web-v1"
    export_pairs(make_pairs(), out, format="jsonl", subject=SUBJECT)
    return out


def run(*arguments: str | Path) -> int:
    return main(["hub", *map(str, arguments)])


def rows(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_dry_run_shows_files_and_card_and_asks_nothing(
    hub: FakeHub,
    exported: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_TOKEN", "")
    assert run("push", exported, "ann/web", "--dry-run", "--json") == 0
    told = rows(capsys)
    files = {row["file"]: row["bytes"] for row in told if "file" in row}
    assert files == {name: len(data) for name, data in contents(exported).items()}
    card = "".join(row["card"] + "\n" for row in told if "card" in row)
    assert card == (exported / "README.md").read_text()
    assert told[-1] == {
        "dataset": "ann/web",
        "files": len(files),
        "bytes": sum(files.values()),
        "private": False,
    }
    assert run("push", exported, "ann/web", "--dry-run") == 0
    assert "nothing was sent" in capsys.readouterr().out.splitlines()[-1]
    assert run("push", exported, "web", "--dry-run") == 2
    (exported / "README.md").write_text("changed")
    assert run("push", exported, "ann/web", "--dry-run") == 2
    assert "README.md is not as it was written" in capsys.readouterr().err
    assert hub.requests == []


def test_a_card_cannot_write_to_the_terminal(
    hub: FakeHub,
    exported: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from blip2core.exports import hub_push

    monkeypatch.setattr(hub_push, "card_of", lambda _: "a\x1b[31mb")
    assert run("push", exported, "ann/web", "--dry-run") == 0
    assert "\x1b" not in capsys.readouterr().out


def test_push_and_pull(
    hub: FakeHub, exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("push", exported, "ann/web", "--private", "--json") == 0
    output = capsys.readouterr()
    address = f"{hub.endpoint}/datasets/ann/web"
    count = len(contents(exported))
    assert json.loads(output.out) == {"dataset": "ann/web", "address": address, "sent": count}
    assert f"{count} of {count} files" in output.err
    assert hub.datasets["ann/web"].private
    assert run("push", exported, "ann/web") == 0
    assert capsys.readouterr().out == f"{address}: all was there\n"

    hub.datasets["ann/web"].files["loader.py"] = b""
    out = tmp_path / "pulled"
    assert run("pull", "ann/web", "--out", out, "--dry-run", "--json") == 0
    left_out, listed = rows(capsys)
    assert left_out == {"left_out": 1, "examples": ["loader.py"]}
    assert (listed["files"], listed["dataset"]) == (count, "ann/web")
    assert not out.exists() and hub.asked("resolve") == 0
    assert run("pull", "ann/web", "--out", out) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"{out} is complete"
    assert contents(out) == contents(exported)
    assert run("pull", "ann/web", "--out", out) == 2
    assert "exists already" in capsys.readouterr().err


def test_what_is_wrong_is_one_line_without_the_token(
    hub: FakeHub, exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.fail("", 403)
    hub.put("ann/big", {"a.png": bytes(3_000_000)})
    for arguments in (
        ("push", exported, "ann/web"),
        ("pull", "ann/web", "--out", tmp_path / "out"),
        ("pull", "../etc", "--out", tmp_path / "out"),
    ):
        assert run(*arguments) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and error.startswith("blip2: ") and TOKEN not in error
    hub.faults.clear()
    assert run("pull", "ann/big", "--out", tmp_path / "out", "--limit", "2") == 2
    assert "3.0 MB in 1 file, and at most 2.0 MB" in capsys.readouterr().err
    assert not list(tmp_path.glob("out*"))


def test_the_hub_that_is_asked_is_that_of_the_environment(exported: Path, tmp_path: Path) -> None:
    """As a user runs it, with nothing replaced."""
    with serve() as hub:
        environment = os.environ | {
            "HF_ENDPOINT": hub.endpoint,
            "HF_TOKEN": TOKEN,
            "HF_HUB_DISABLE_XET": "1",
            "HF_HOME": str(tmp_path / "home"),
        }
        environment.pop("HF_HUB_OFFLINE")

        def blip2(*arguments: str | Path, **changes: str) -> subprocess.CompletedProcess[str]:
            call = [sys.executable, "-m", "blip2core", *map(str, arguments)]
            settings = environment | changes
            return subprocess.run(call, env=settings, capture_output=True, text=True, check=False)

        done = blip2("hub", "push", exported, "ann/web")
        assert done.returncode == 0, done.stderr
        assert "files, " in done.stderr and TOKEN not in done.stdout + done.stderr
        done = blip2("intake", "hf://datasets/ann/web", "--json")
        counts = json.loads(done.stdout.splitlines()[-1])
        assert (counts["images_read"], counts["texts_read"]) == (10, 20)
        done = blip2("hub", "pull", "ann/web", "--out", tmp_path / "out", HF_HUB_OFFLINE="1")
        assert done.returncode == 2 and done.stderr.count("\n") == 1
        assert "HF_HUB_OFFLINE forbids" in done.stderr
