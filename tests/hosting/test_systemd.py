"""The unit in the guide: systemd understands it, and the studio knows its settings."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.settings import AppSettings
from app.space import ROOT

UNIT = re.search(r"```ini\n(.*?)```", (ROOT / "docs" / "deploying.md").read_text(), re.DOTALL)
OF_OTHERS = {"BLIP2_DATA", "HF_HOME", "GRADIO_TEMP_DIR", "PYTHONUNBUFFERED"}


def lines(name: str) -> list[str]:
    assert UNIT is not None
    return re.findall(rf"^{name}=(.*)$", UNIT[1], re.MULTILINE)


def test_the_studio_knows_its_settings_and_writes_where_it_may() -> None:
    settings = dict(line.split("=", 1) for line in lines("Environment"))
    ours = {f"BLIP2_{name.upper()}" for name in AppSettings.model_fields}
    assert settings.keys() <= ours | OF_OTHERS
    [state] = lines("StateDirectory")
    folders = [value for value in settings.values() if value.startswith("/")]
    assert all(Path(folder).is_relative_to(f"/var/lib/{state}") for folder in folders)
    assert lines("ProtectSystem") == ["strict"], "so it may write nowhere else"
    assert lines("RestartPreventExitStatus") == ["2"], "what `run` returns for wrong settings"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
def test_systemd_understands_it(tmp_path: Path) -> None:
    assert UNIT is not None
    [command], [folder] = lines("ExecStart"), lines("WorkingDirectory")
    there = UNIT[1].replace(command.partition(" ")[0], sys.executable)
    unit = tmp_path / "blip2-studio.service"
    unit.write_text(
        there.replace(f"={folder}\n", f"={tmp_path}\n").replace("=blip2\n", "=daemon\n")
    )
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True
    )
    assert "blip2-studio" not in done.stderr, done.stderr
