"""An empty database, in SQLite and in a real PostgreSQL: every test runs on both."""

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from blip2core.storage import Database, open_database
from blip2core.storage.columns import Base
from blip2core.storage.engine import parse_url
from tests.storage import postgres

NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[str]:
    """The end of a URL: `?host=...`."""
    with postgres.cluster() as end:
        yield end


@pytest.fixture(scope="session")
def postgres_url(postgres_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database with all tables, for all tests that empty it first."""
    url = new_postgres_url(postgres_cluster)
    open_database(url, data=tmp_path_factory.mktemp("data")).close()
    return url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with all tables and no rows."""
    file = tmp_path_factory.mktemp("template") / "studio.db"
    open_database(str(file)).close()
    return file


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database with all tables, of each kind in turn."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "studio.db")
        return str(tmp_path / "studio.db")
    url: str = request.getfixturevalue("postgres_url")
    empty(url)
    return url


@pytest.fixture
def database(database_url: str, tmp_path: Path) -> Iterator[Database]:
    opened = open_database(database_url, data=tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def sqlite_database(sqlite_template: Path, tmp_path: Path) -> Iterator[Database]:
    """For what only SQLite has."""
    shutil.copy(sqlite_template, tmp_path / "studio.db")
    opened = open_database(str(tmp_path / "studio.db"))
    yield opened
    opened.close()


def new_postgres_url(cluster: str) -> str:
    """A database without any tables."""
    name = f"test_{next(NUMBERS)}"
    engine = create_engine(
        f"postgresql+psycopg://postgres@/postgres{cluster}", isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return f"postgresql://postgres@/{name}{cluster}"


def empty(url: str) -> None:
    """Deletes all rows, and numbers them from 1 again."""
    tables = ", ".join(table.name for table in Base.metadata.sorted_tables)
    engine = create_engine(parse_url(url))
    with engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY CASCADE"))
    engine.dispose()
