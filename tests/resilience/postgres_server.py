"""A PostgreSQL of our own that may be killed and started again, with its commits synced to disk."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, text

from tests.storage.postgres import find_binaries


class PostgresServer:
    """A cluster in a temporary folder, reached by a socket in it."""

    def __init__(self, binaries: Path) -> None:
        self._binaries = binaries
        # PostgreSQL refuses to run as root: the folder belongs to its own user then.
        self.folder = Path(tempfile.mkdtemp(prefix="pg-"))
        is_root = hasattr(os, "geteuid") and os.geteuid() == 0
        self._user = (
            {"user": "postgres", "group": "postgres", "extra_groups": []} if is_root else {}
        )
        if is_root:
            shutil.chown(self.folder, "postgres", "postgres")
        self._call("initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync")
        self.start()

    def start(self) -> None:
        """Start it, also after it was killed: it mends its files first."""
        options = f"-k {self.folder} -c listen_addresses='' -c max_connections=40"
        deadline = time.monotonic() + 60
        while not self._try("pg_ctl", "-w", "-o", options, "-l", f"{self.folder}/log", "start"):
            # The processes of the killed one may still be on their way out.
            assert time.monotonic() < deadline, (self.folder / "log").read_text()[-2000:]
            time.sleep(0.1)

    def kill(self, how: str) -> None:
        """Stop it at once: its own "immediate", or "kill" for SIGKILL to its first process."""
        if how == "immediate":
            self._call("pg_ctl", "-m", "immediate", "stop")
            return
        pid = int((self.folder / "data/postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)

    def new_url(self, name: str, *, template: str = "template0") -> str:
        """Make a database and return its URL."""
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        # Sequences of the copy may else count the same numbers again after a crash: PostgreSQL 15
        # copies pages that are ahead of what their record in its log says.
        self._execute("CHECKPOINT")
        return f"postgresql://postgres@/{name}?host={self.folder}"

    def drop(self, url: str) -> None:
        """Delete the database of a URL."""
        name = url.split("@/")[1].partition("?")[0]
        self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def close(self) -> None:
        """Stop it and remove its folder."""
        self._try("pg_ctl", "-m", "immediate", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _execute(self, statement: str) -> None:
        url = f"postgresql+psycopg://postgres@/postgres?host={self.folder}"
        engine = create_engine(url, isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                connection.execute(text(statement))
        finally:
            engine.dispose()

    def _try(self, program: str, *arguments: str) -> bool:
        command = [str(self._binaries / program), "-D", str(self.folder / "data"), *arguments]
        done = subprocess.run(
            command,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,  # a pipe would be held open by the server
            stderr=subprocess.DEVNULL,
            timeout=120,
            check=False,
            **self._user,
        )
        return done.returncode == 0

    def _call(self, program: str, *arguments: str) -> None:
        assert self._try(program, *arguments), f"{program} failed"


@contextmanager
def postgres_server() -> Iterator[PostgresServer | None]:
    """Yield a server that runs; None where PostgreSQL is not installed."""
    binaries = find_binaries()
    if binaries is None:
        yield None
        return
    server = PostgresServer(binaries)
    try:
        yield server
    finally:
        server.close()
