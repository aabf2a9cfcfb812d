"""A private PostgreSQL for the tests: in its own folder, by a socket in it, gone at the end."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
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
        settings = ("listen_addresses=''", "fsync=off", "max_connections=50", *options)
        words = " ".join(f"-c {one}" for one in settings)
        options_of_server = f"-k {self.folder} {words}"
        self._call("pg_ctl", "-w", "-o", options_of_server, "-l", str(self.folder / "log"), "start")

    def stop(self, mode: str = "immediate") -> None:
        self._call("pg_ctl", "-m", mode, "stop")

    def _call(self, program: str, *arguments: str) -> None:
        command = [str(self.binaries / program), "-D", str(self.folder / "data"), *arguments]
        user = {"user": "postgres", "group": "postgres", "extra_groups": []} if _is_root() else {}
        done = subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, timeout=120, **user
        )
        assert done.returncode == 0, done.stdout + done.stderr


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
            made.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0
