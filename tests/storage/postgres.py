"""A private PostgreSQL for the tests: in its own folder, by a socket in it, gone at the end."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

HOMES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


def find_binaries() -> Path | None:
    """The folder of `initdb`: Debian does not put it on the PATH."""
    on_path = shutil.which("initdb")
    found = [Path(on_path).parent] if on_path else [*HOMES, Path("/usr/pgsql/bin")]
    return next((folder for folder in found if (folder / "initdb").exists()), None)


@dataclass(frozen=True, slots=True)
class Server:
    """A PostgreSQL of its own, which can be stopped and started."""

    folder: Path
    binaries: Path

    @property
    def end(self) -> str:
        """How a URL ends after the name of the database."""
        return f"?host={self.folder}"

    def create(self) -> None:
        self._call("initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync")

    def start(self, *options: str) -> None:
        """Start it; options as `fsync=on` replace what all tests have."""
        done = self._run_start(*options)
        assert done.returncode == 0, done.stdout + done.stderr

    def start_after_kill(self, *options: str) -> None:
        """Start it, once the processes of the killed one are gone: it mends its files first."""
        deadline = time.monotonic() + 60
        while self._run_start(*options).returncode != 0:
            assert time.monotonic() < deadline, (self.folder / "log").read_text()[-2000:]
            time.sleep(0.1)

    def stop(self, mode: str = "immediate") -> None:
        self._call("pg_ctl", "-m", mode, "stop")

    def kill(self) -> None:
        """Send SIGKILL to its first process."""
        pid = int((self.folder / "data/postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)

    def _run_start(self, *options: str) -> subprocess.CompletedProcess[str]:
        settings = ("listen_addresses=''", "fsync=off", "max_connections=50", *options)
        words = " ".join(f"-c {one}" for one in settings)
        log = str(self.folder / "log")
        return self._run("pg_ctl", "-w", "-o", f"-k {self.folder} {words}", "-l", log, "start")

    def _call(self, program: str, *arguments: str) -> None:
        done = self._run(program, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(self.binaries / program), "-D", str(self.folder / "data"), *arguments]
        user = {"user": "postgres", "group": "postgres", "extra_groups": []} if _is_root() else {}
        return subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, timeout=120, **user
        )


@contextmanager
def cluster() -> Iterator[str]:
    """-> how a URL ends after the name of the database. Skips as `server` does."""
    with server() as started:
        yield started.end


@contextmanager
def server(*options: str) -> Iterator[Server]:
    """A server that runs. Skips where there is no PostgreSQL, but fails where CI is set: there it
    has to be.
    """
    binaries = find_binaries()
    if binaries is None:
        reason = "PostgreSQL is not installed (apt-get install postgresql)"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    # Not pytest's own folder: PostgreSQL, which refuses to run as root, could not enter it.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    if _is_root():
        shutil.chown(folder, "postgres", "postgres")
    made = Server(folder, binaries)
    try:
        made.create()
        made.start(*options)
        try:
            yield made
        finally:
            with suppress(AssertionError):  # a test may have left it stopped
                made.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0
