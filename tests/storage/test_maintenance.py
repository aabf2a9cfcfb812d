"""Migrations go forward or leave all as it was; copies are checked; checks find what is wrong."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import URL, inspect, text

from blip2core.errors import StorageError
from blip2core.storage import Database, ImageStore, maintenance, open_database
from blip2core.storage.engine import connect, parse_url
from blip2core.storage.migrations.__main__ import write_migration
from blip2core.storage.review import QueueFilter, review_queue
from blip2core.storage.table_copy import table_sums
from tests.storage.conftest import new_postgres_url
from tests.storage.world import fill

NEWEST = str(ScriptDirectory(str(maintenance.MIGRATIONS)).get_current_head())
BREAKS = f'''"""Changes a table, then fails."""

import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "{NEWEST}"


def upgrade() -> None:
    op.add_column("datasets", sa.Column("colour", sa.Text()))
    op.create_table("extra", sa.Column("id", sa.Integer(), primary_key=True))
    op.execute("UPDATE items SET status = 'nonsense'")
'''

FIRST_ROWS = f"""
INSERT INTO datasets (name, guidelines, threshold, policy, overlap, created_at)
    VALUES ('web', '', 0.5, '{{}}', 1, '2026-01-01');
INSERT INTO images (sha256, pixel_sha256, phash, band0, band1, band2, band3, width, height, format,
    bytes, state, created_at)
    VALUES ('{"a" * 64}', '{"b" * 64}', 1, 0, 0, 0, 1, 4, 3, 'PNG', 9, 'ok', '2026-01-01');
INSERT INTO items (dataset_id, image_id, status, doubt, disagreement, best, shuffle, row_version,
    created_at) VALUES (1, 1, 'pending', 2.0, 0.0, -1.0, 0.5, 0, '2026-01-01');
INSERT INTO annotators (handle, display_name, active, created_at)
    VALUES ('ann', '', 1, '2026-01-01');
INSERT INTO captions (item_id, source, origin_key, text, author_id, created_at)
    VALUES (1, 'human', 'edit:0:1', 'a blue whale', 1, '2026-01-01');
"""
"""One item with one text, in the tables of the first migration."""


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """The migrations, to add one to."""
    target = tmp_path / "migrations"
    shutil.copytree(
        maintenance.MIGRATIONS, target, ignore=shutil.ignore_patterns("__pycache__", "__init__.py")
    )
    return target


@pytest.fixture(params=["sqlite", "postgresql"])
def bare_url(request: pytest.FixtureRequest, tmp_path: Path) -> URL:
    """A database without tables."""
    if request.param == "sqlite":
        return parse_url(str(tmp_path / "bare.db"))
    return parse_url(new_postgres_url(request.getfixturevalue("postgres_cluster")))


def tables(url: URL) -> set[str]:
    engine = connect(url)
    found = set(inspect(engine).get_table_names())
    engine.dispose()
    return found


def test_upgrade_goes_from_nothing_to_the_newest_and_no_further(bare_url: URL) -> None:
    assert maintenance.upgrade(bare_url, target="0001") == "0001"
    assert "items" in tables(bare_url)
    with pytest.raises(StorageError, match="blip2 db upgrade"):
        maintenance.check_revision(bare_url)
    assert maintenance.upgrade(bare_url) == NEWEST
    assert maintenance.upgrade(bare_url) == NEWEST
    assert maintenance.check_revision(bare_url) == NEWEST


def test_a_failing_migration_leaves_the_old_tables(database: Database, scripts: Path) -> None:
    fill(database, items=1)
    url = database.url
    (scripts / "versions" / "9999_breaks.py").write_text(BREAKS)
    before = tables(url)
    with pytest.raises(Exception, match="items"):
        maintenance.upgrade(url, scripts=scripts)
    assert tables(url) == before
    assert maintenance.check_revision(url) == NEWEST
    with database.read() as session:
        columns = inspect(session.connection()).get_columns("datasets")
        assert "colour" not in {column["name"] for column in columns}
        assert session.scalar(text("SELECT status FROM items")) == "pending"


def test_a_database_of_a_newer_version_is_left_alone(database_url: str, tmp_path: Path) -> None:
    engine = connect(parse_url(database_url))
    with engine.execution_options(blip2_write=True).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9000'"))
    with pytest.raises(StorageError, match="newer version .9000."):
        maintenance.check_revision(
            parse_url(database_url)
        )  # whoever only reads is not sent to upgrade it
    with pytest.raises(StorageError, match="newer version"):
        open_database(database_url, data=tmp_path)
    with engine.execution_options(blip2_write=True).begin() as connection:
        connection.execute(text(f"UPDATE alembic_version SET version_num = '{NEWEST}'"))
    engine.dispose()


def test_a_new_migration_is_written_from_the_changed_tables(
    scripts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the newest migration, what it would have to do is found: nothing but its own text."""
    [file] = write_migration("adds nothing", scripts=scripts)
    assert file.name == f"{int(NEWEST) + 1:04d}_adds_nothing.py"
    assert "pass" in file.read_text()


def test_a_copy_is_checked_before_it_gets_its_name(
    sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(sqlite_database, items=2)
    target = tmp_path / "copy.db"
    with monkeypatch.context() as patched:
        patched.setattr(maintenance, "_file_problems", lambda connection: ["page 3 is missing"])
        with pytest.raises(StorageError, match="page 3"):
            maintenance.backup(sqlite_database.url, target)
    assert not target.exists()
    assert maintenance.backup(sqlite_database.url, target).rows["items"] == 2
    assert [file.name for file in tmp_path.glob("copy*")] == ["copy.db"]
    with pytest.raises(StorageError, match="exists already"):
        maintenance.backup(sqlite_database.url, target)


def test_backup_where_it_cannot_be_written(sqlite_database: Database, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="could not be written"):
        maintenance.backup(sqlite_database.url, tmp_path / "none" / "copy.db")


def test_one_file_holds_all_tables_of_either_database(database: Database, tmp_path: Path) -> None:
    fill(database, items=2)
    target = tmp_path / "copy.db"
    health = maintenance.backup(database.url, target)
    assert (health.rows["items"], health.problems) == (2, ())
    copy = open_database(str(target), owner=False)
    with copy.engine.connect() as copied, database.engine.connect() as original:
        assert table_sums(copied) == table_sums(original)
    copy.close()


def test_words_are_found_directly_after_an_upgrade(tmp_path: Path) -> None:
    """The first tables had no index of words, and what is older than it has to come into it."""
    file = tmp_path / "studio.db"
    maintenance.upgrade(parse_url(str(file)), target="0001")
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.executescript(FIRST_ROWS)
    image = ImageStore(tmp_path / "images").path("a" * 64, format="PNG")
    image.parent.mkdir(parents=True)
    image.touch()
    opened = open_database(str(file), data=tmp_path)
    with opened.read() as session:
        where = QueueFilter(statuses=(), search="blue whale")
        page = review_queue(session, dataset_id=1, where=where)
    assert [entry.item_id for entry in page.entries] == [1]
    opened.close()


def test_words_that_an_earlier_version_left_out_come_into_the_index(
    sqlite_database: Database,
) -> None:
    """Version 0.1 upgraded without them: the next opening brings them in."""
    fill(sqlite_database, items=2)
    file = str(sqlite_database.url.database)
    sqlite_database.close()
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("INSERT INTO caption_search (caption_search) VALUES ('delete-all')")
    opened = open_database(file)
    with opened.read() as session:
        where = QueueFilter(statuses=(), search="drawn bird 1")
        page = review_queue(session, dataset_id=1, where=where)
    assert [entry.item_id for entry in page.entries] == [2]
    opened.close()


def test_check_counts_rows_and_finds_wrong_verdicts(database: Database) -> None:
    fill(database, items=3)
    health = maintenance.check(database.engine)
    assert health.problems == ()
    assert health.rows["items"] == 3
    assert health.rows["scores"] == 12
    with database.write() as session:
        session.execute(
            text(
                "INSERT INTO decisions (client_event_id, item_id, annotator_id, action, caption_id,"
                " round, seen, created_at) VALUES"
                " ('e', 1, 1, 'accept', 1, 1, '{}', '2026-01-01 00:00:00')"
            )
        )
    [problem] = maintenance.check(database.engine).problems
    assert "text 1 of the log is missing" in problem


def test_a_migration_that_leaves_orphans_is_taken_back(
    sqlite_database: Database, scripts: Path
) -> None:
    """SQLite looks at no reference while it migrates; PostgreSQL always does."""
    fill(sqlite_database, items=2)
    orphans = (
        BREAKS[: BREAKS.index("    op.add_column")] + """    op.execute("DELETE FROM items")"""
    )
    (scripts / "versions" / "9999_orphans.py").write_text(orphans)
    with pytest.raises(
        StorageError, match=r"would break the database: row \d+ of \w+ refers to no"
    ):
        maintenance.upgrade(sqlite_database.url, scripts=scripts)
    health = maintenance.check(sqlite_database.engine)
    assert (health.revision, health.rows["items"], health.problems) == (NEWEST, 2, ())
