"""A private PostgreSQL for the tests: in its own folder, by a socket in it, gone at the end."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

HOMES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


def find_binaries() -> Path | None:
    """The folder of `initdb`: Debian does not put it on the PATH."""
    on_path = shutil.which("initdb")
    found = [Path(on_path).parent] if on_path else [*HOMES, Path("/usr/pgsql/bin")]
    return next((folder for folder in found if (folder / "initdb").exists()), None)


@contextmanager
def cluster() -> Iterator[str]:
    """-> how a URL ends after the name of the database. Skips where there is no PostgreSQL, but
    fails where CI is set: there it has to be.
    """
    binaries = find_binaries()
    if binaries is None:
        reason = "PostgreSQL is not installed (apt-get install postgresql)"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    # Not pytest's own folder: PostgreSQL, which refuses to run as root, could not enter it.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    user = {"user": "postgres", "group": "postgres", "extra_groups": []} if is_root else {}
    if is_root:
        shutil.chown(folder, "postgres", "postgres")

    def call(program: str, *arguments: str) -> None:
        command = [str(binaries / program), "-D", str(folder / "data"), *arguments]
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=120, **user
        )
        assert done.returncode == 0, done.stdout + done.stderr

    try:
        call("initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync")
        options = f"-k {folder} -c listen_addresses='' -c fsync=off -c max_connections=50"
        call("pg_ctl", "-w", "-o", options, "-l", str(folder / "log"), "start")
        try:
            yield f"?host={folder}"
        finally:
            call("pg_ctl", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
