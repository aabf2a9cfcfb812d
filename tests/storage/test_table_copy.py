"""All rows from one database to another: the same in both, whichever kind they are."""

import itertools
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine, insert, text

from blip2core.errors import StorageError
from blip2core.storage import Database, open_database, table_copy
from blip2core.storage.datasets import get_or_create_dataset
from blip2core.storage.engine import WRITE, connect, parse_url
from blip2core.storage.feedback import add_feedback
from blip2core.storage.maintenance import check, upgrade
from blip2core.storage.review import QueueFilter, review_queue
from blip2core.storage.schema import Annotator, Dataset
from blip2core.storage.table_copy import TABLES, copy_tables, refuse_unstorable, table_sums
from tests.storage.conftest import new_postgres_url
from tests.storage.full_studio import fill_every_table, rating
from tests.storage.world import fill

NewDatabase = Callable[[str], URL]
KINDS = ("sqlite", "postgresql")


@pytest.fixture
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> NewDatabase:
    """A function from a kind to an empty database of it, with all tables."""
    numbers = itertools.count(1)

    def new(kind: str) -> URL:
        if kind == "sqlite":
            url = parse_url(str(tmp_path / f"copy-{next(numbers)}.db"))
        else:
            url = parse_url(new_postgres_url(request.getfixturevalue("postgres_cluster")))
        upgrade(url)
        return url

    return new


@pytest.fixture
def engine_of() -> Iterator[Callable[[URL], Engine]]:
    """A function that connects to a database until the test ends."""
    made: list[Engine] = []

    def connected(url: URL) -> Engine:
        made.append(connect(url, foreign_keys=False))
        return made[-1]

    yield connected
    for engine in made:
        engine.dispose()


EngineOf = Callable[[URL], Engine]


@pytest.mark.parametrize("kind", KINDS)
def test_every_table_is_the_same_there_and_back(
    database: Database, kind: str, new_database: NewDatabase, engine_of: EngineOf
) -> None:
    fill_every_table(database)
    with database.engine.connect() as connection:
        before = table_sums(connection)
    assert min(one.rows for one in before.values()) > 0, "the test fills every table"
    there = engine_of(new_database(kind))
    back = engine_of(new_database(database.engine.dialect.name))
    refuse_unstorable(database.engine, there)
    assert copy_tables(database.engine, there) == before
    assert copy_tables(there, back) == before
    for engine in (there, back, database.engine):
        with engine.connect() as connection:
            assert table_sums(connection) == before
        assert check(engine).problems == ()


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_go_on_and_words_are_found_in_the_copy(
    database: Database,
    kind: str,
    new_database: NewDatabase,
    engine_of: EngineOf,
    tmp_path: Path,
) -> None:
    fill_every_table(database)
    url = new_database(kind)
    copy_tables(database.engine, engine_of(url))
    copy = open_database(url.render_as_string(hide_password=False), data=tmp_path, owner=False)
    with copy.read() as session:
        page = review_queue(
            session, dataset_id=1, where=QueueFilter(statuses=(), search="drawn bird 3")
        )
    assert [entry.item_id for entry in page.entries] == [4]
    copy.close()
    copy = open_database(url.render_as_string(hide_password=False), data=tmp_path)
    with copy.write() as session:
        assert add_feedback(session, rating("3")).id == 3  # 2 was deleted before the copy
        assert get_or_create_dataset(session, name="new").id == 2
    copy.close()


def test_a_target_with_rows_is_refused(
    database: Database, new_database: NewDatabase, engine_of: EngineOf
) -> None:
    fill(database, items=1)
    target = engine_of(new_database("sqlite"))
    with target.execution_options(**{WRITE: True}).begin() as connection:
        connection.execute(insert(Annotator).values(handle="somebody"))
    with pytest.raises(StorageError, match="rows in the table annotators of that database"):
        copy_tables(database.engine, target)
    with target.connect() as connection:
        assert {name: one.rows for name, one in table_sums(connection).items() if one.rows} == {
            "annotators": 1
        }


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_that_is_not_the_same_is_not_kept(
    database: Database,
    kind: str,
    new_database: NewDatabase,
    engine_of: EngineOf,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill(database, items=2)
    target = engine_of(new_database(kind))
    real = table_copy._copy

    def loses_a_row(table: object, source: object, writer: object, total: int) -> None:
        real(table, source, writer, total)
        if table.name == "scores":
            writer.execute(text("DELETE FROM scores WHERE id = 2"))

    monkeypatch.setattr(table_copy, "_copy", loses_a_row)
    with pytest.raises(StorageError, match="table scores is not the same: 7 rows .* of 8"):
        copy_tables(database.engine, target)
    with target.connect() as connection:
        assert not any(one.rows for one in table_sums(connection).values())


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE sources SET name = 'a' || char(0) || 'b'", "sources .* name has a NUL"),
        ("UPDATE annotators SET handle = printf('%.90c', 'x') WHERE id = 2", "90 characters"),
        ("""UPDATE runs SET parameters = '{"a": ["\\u0000"]}'""", "runs .* parameters has a NUL"),
        ("""UPDATE runs SET parameters = '{"\\ud800": 1}'""", "half of a surrogate pair"),
        ("""UPDATE runs SET parameters = '{"a": NaN}'""", "a number that is nan"),
    ],
)
def test_what_postgresql_cannot_hold_is_named_before_anything_is_written(
    sqlite_database: Database,
    statement: str,
    said: str,
    new_database: NewDatabase,
    engine_of: EngineOf,
) -> None:
    fill(sqlite_database, items=1)
    with sqlite_database.write() as session:
        session.execute(text(statement.replace(":", "\\:")))
    there = engine_of(new_database("postgresql"))
    with pytest.raises(StorageError, match=rf"Row \d+ of the table .*{said}.*No row was written"):
        refuse_unstorable(sqlite_database.engine, there)
    with sqlite_database.engine.connect() as connection:
        before = table_sums(connection)
    same = engine_of(new_database("sqlite"))  # takes all of it
    refuse_unstorable(sqlite_database.engine, same)
    assert copy_tables(sqlite_database.engine, same) == before


def test_a_table_of_many_pages_is_copied_whole(
    database: Database,
    new_database: NewDatabase,
    engine_of: EngineOf,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill(database, items=8)
    monkeypatch.setattr(table_copy, "ROWS_AT_ONCE", 3)
    copied = copy_tables(database.engine, engine_of(new_database("sqlite")))
    assert copied["scores"].rows == 32


def test_a_hash_tells_every_value(database: Database) -> None:
    fill(database, items=2)
    with database.engine.connect() as connection:
        before = table_sums(connection)
    with database.write() as session:
        session.get_one(Dataset, 1).threshold = math.nextafter(0.5, 1)
    with database.engine.connect() as connection:
        after = table_sums(connection)
    assert {name for name in before if before[name] != after[name]} == {"datasets"}
    assert set(before) == {table.name for table in TABLES}
