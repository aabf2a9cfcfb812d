"""A PostgreSQL of our own that may be killed and started again, with its commits synced to disk."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import create_engine, text

from tests.storage.postgres import Server, find_binaries, server

OPTIONS = ("fsync=on", "max_connections=40")


class PostgresServer:
    """Databases on a server that runs."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def start(self) -> None:
        """Start it after it was killed."""
        self._server.start_after_kill(*OPTIONS)

    def kill(self, how: str) -> None:
        """Stop it at once: its own "immediate", or "kill" for SIGKILL to its first process."""
        if how == "immediate":
            self._server.stop()
        else:
            self._server.kill()

    def new_url(self, name: str, *, template: str = "template0") -> str:
        """Make a database and return its URL."""
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        # Sequences of the copy may else count the same numbers again after a crash: PostgreSQL 15
        # copies pages that are ahead of what their record in its log says.
        self._execute("CHECKPOINT")
        return f"postgresql://postgres@/{name}{self._server.end}"

    def drop(self, url: str) -> None:
        """Delete the database of a URL."""
        name = url.split("@/")[1].partition("?")[0]
        self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        url = f"postgresql+psycopg://postgres@/postgres{self._server.end}"
        engine = create_engine(url, isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                connection.execute(text(statement))
        finally:
            engine.dispose()


@contextmanager
def postgres_server() -> Iterator[PostgresServer | None]:
    """Yield a server that runs; None where PostgreSQL is not installed."""
    if find_binaries() is None:
        yield None
        return
    with server(*OPTIONS) as started:
        yield PostgresServer(started)
