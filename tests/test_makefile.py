"""What the Makefile says where a tool for the browser code is missing or too old."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def make(target: str, tools: Path, *arguments: str) -> tuple[str, str]:
    """Calls make with the programs of `tools` before all others -> what it printed, and errors."""
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    call = ["make", "--no-print-directory", target, *arguments]
    done = subprocess.run(
        call, cwd=ROOT, env=os.environ | {"PATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def program(file: Path, lines: str) -> None:
    file.write_text(f"#!/bin/sh\n{lines}\n")
    file.chmod(0o755)


@pytest.mark.parametrize(
    ("node", "runs", "said"),
    [
        ("v20.0.0", True, ""),
        ("v100.1.0", True, ""),
        ("v18.19.1", False, "need node 20 or newer; found: v18.19.1."),
        ("v9.2.0", False, "need node 20 or newer; found: v9.2.0."),
        ("", False, "need node 20 or newer; found: none."),
    ],
)
def test_browser_code_is_tested_where_node_is_new_enough(
    tmp_path: Path, node: str, runs: bool, said: str
) -> None:
    version = f"echo {node}" if node else "exit 127"
    program(tmp_path / "node", f'test "$1" = --version || exec echo "ran $1"; {version}')
    printed, errors = make("test-browser-code", tmp_path)
    assert (printed == "ran --test\n") is runs
    assert said in errors if said else not errors


def test_biome_looks_or_mends_where_it_is_installed(tmp_path: Path) -> None:
    biome = f"BIOME={tmp_path / 'biome'}"
    printed, errors = make("lint-browser-code", tmp_path, biome)
    assert not printed and "NOT RUN: Biome" in errors and "npm ci installs it" in errors
    program(tmp_path / "biome", 'echo "$@"')
    assert make("lint-browser-code", tmp_path, biome) == ("ci\n", "")
    mending = make("lint-browser-code", tmp_path, biome, "BIOME_COMMAND=check --write")
    assert mending == ("check --write\n", "")


def test_make_test_and_make_lint_call_biome(tmp_path: Path) -> None:
    for target, call in (("test", "lint-browser-code"), ("lint", "check --write")):
        printed, _ = make(target, tmp_path, "--dry-run", "--assume-old=.venv/.installed-dev")
        assert call in printed
