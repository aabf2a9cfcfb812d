"""A full disk and a clock that was set, for a process that was begun with `faults.c` loaded."""

import ctypes
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.resilience.report import ROOT, Options, Row

SOURCE = Path(__file__).with_name("faults.c")
UNLIMITED = 2**63 - 1


def is_available() -> bool:
    """Return whether this can be had: a C compiler, and a system that loads a library first."""
    return sys.platform == "linux" and shutil.which("cc") is not None


def build(folder: Path) -> Path:
    """Compile the library -> its file."""
    library = folder / "faults.so"
    command = ["cc", "-O1", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"]
    subprocess.run(command, check=True)
    return library


def run_with_faults(module: str, options: Options, folder: Path) -> list[Row]:
    """Run `python -m module ROUNDS SEED FOLDER`, which prints its rows, with the library loaded."""
    environment = os.environ | {"LD_PRELOAD": str(build(folder))}
    command = [sys.executable, "-m", module, str(options.rounds), str(options.seed), str(folder)]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [Row(**row) for row in json.loads(done.stdout.splitlines()[-1])]


def shift_clock(seconds: float) -> None:
    """Set the wall clock of this process that much forward, or back where negative."""
    _library().shift_clock(ctypes.c_long(int(seconds)))


@contextmanager
def room(count: int) -> Iterator[None]:
    """Let the disk be full after so many bytes, during the block."""
    _library().set_room(ctypes.c_long(count))
    try:
        yield
    finally:
        _library().set_room(ctypes.c_long(UNLIMITED))


def _library() -> Any:
    return ctypes.CDLL(None)
