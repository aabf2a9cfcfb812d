"""`python -m app` says what there is, and refuses what it does not know."""

import subprocess
import sys

import pytest

from app import __main__ as command
from app.settings import AppSettings


@pytest.fixture(autouse=True)
def _nothing_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "run", lambda serve: pytest.fail("a server was started"))


def test_help_names_every_setting_with_its_meaning(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        command.main(["--help"])
    printed = capsys.readouterr().out
    words = " ".join(printed.split())
    assert left.value.code == 0
    for name, field in AppSettings.model_fields.items():
        assert f"BLIP2_{name.upper()} {' '.join(field.description.split())}" in words
    for told in ("BLIP2_DATA ", "BLIP2_DATABASE_URL ", "/curator/", "python -m app.users"):
        assert told in words


def test_unknown_argument_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        command.main(["--port", "8000"])
    printed = capsys.readouterr()
    assert (left.value.code, printed.out) == (2, "")
    assert printed.err.count("\n") == 1
    assert "--port 8000" in printed.err


def test_without_arguments_it_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "run", lambda serve: 7 if serve is command.serve else 1)
    assert command.main([]) == 7


def test_help_loads_no_framework() -> None:
    code = (
        "import sys, app.__main__ as command\n"
        "try: command.main(['--help'])\n"
        "except SystemExit: print(sorted({'gradio', 'streamlit', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
