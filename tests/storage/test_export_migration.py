"""The migration that takes exports of any format: the exports there are stay, on both databases."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine, text
from sqlalchemy.exc import IntegrityError

from blip2core.storage import maintenance
from blip2core.storage.engine import WRITE, connect, parse_url
from tests.storage.conftest import new_postgres_url

OLD = (
    "INSERT INTO annotators (handle, display_name, active, created_at)"
    " VALUES ('ann', '', true, '2026-01-01')",
    "INSERT INTO datasets (name, guidelines, threshold, policy, overlap, created_at)"
    " VALUES ('birds', '', 0.5, '{}', 1, '2026-01-01')",
    "INSERT INTO snapshots (dataset_id, name, policy, last_decision_id, content_sha256, pairs,"
    f" created_by, created_at) VALUES (1, 'v1', '{{}}', 0, '{'0' * 64}', 0, 1, '2026-01-01')",
    "INSERT INTO exports (uid, snapshot_id, format, options, status, manifest_sha256, pairs,"
    " location, created_at) VALUES"
    " ('a', 1, 'jsonl', '{}', 'writing', NULL, NULL, NULL, '2026-01-01'),"
    """ ('b', 1, 'coco', '{"captions": "lists"}', 'failed', NULL, NULL, NULL, '2026-01-02'),"""
    f" ('c', 1, 'csv', '{{}}', 'complete', '{'c' * 64}', 3, '/somewhere', '2026-01-03')",
)
"""What a database of the revision before has, with an export of each status."""


@pytest.fixture(params=["sqlite", "postgresql"])
def old_url(request: pytest.FixtureRequest, tmp_path: Path) -> URL:
    """A database before the migration."""
    if request.param == "sqlite":
        url = parse_url(str(tmp_path / "old.db"))
    else:
        url = parse_url(new_postgres_url(request.getfixturevalue("postgres_cluster")))
    maintenance.upgrade(url, target="0002")
    return url


@pytest.fixture
def engine(old_url: URL) -> Iterator[Engine]:
    """Connections to it, with foreign keys as the program has them."""
    opened = connect(old_url)
    run(opened, *OLD)
    yield opened
    opened.dispose()


@pytest.fixture
def migrate(old_url: URL, engine: Engine) -> Callable[[], None]:
    def forward() -> None:
        engine.dispose()
        maintenance.upgrade(old_url, target="0003")

    return forward


def run(engine: Engine, *statements: str) -> None:
    with engine.execution_options(**{WRITE: True}).begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def add_export(engine: Engine, **changes: str) -> None:
    row = {"uid": "d", "snapshot_id": "1", "format": "lines", "status": "writing"} | changes
    values = ", ".join(f"'{value}'" for value in row.values())
    run(
        engine,
        f"INSERT INTO exports ({', '.join(row)}, options, created_at)"
        f" VALUES ({values}, '{{}}', '2026-01-04')",
    )


def exports(engine: Engine) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text("SELECT * FROM exports ORDER BY id"))]


def test_exports_are_kept_and_a_new_format_is_taken(
    engine: Engine, migrate: Callable[[], None]
) -> None:
    with pytest.raises(IntegrityError, match="ck_exports_format"):
        add_export(engine)
    before = exports(engine)
    migrate()
    assert len(before) == 3 and exports(engine) == before
    health = maintenance.check(engine)
    assert (health.revision, health.rows["exports"], health.problems) == ("0003", 3, ())
    add_export(engine)
    assert exports(engine)[-1][4] == "lines"


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"status": "lost"}, "ck_exports_status"),
        ({"status": "complete"}, "ck_exports_complete"),
        ({"uid": "a"}, "(?i)unique"),
        ({"snapshot_id": "9"}, "(?i)foreign key"),
    ],
)
def test_the_other_rules_of_the_table_are_kept(
    engine: Engine, migrate: Callable[[], None], changes: dict[str, str], rule: str
) -> None:
    migrate()
    with pytest.raises(IntegrityError, match=rule):
        add_export(engine, **changes)


def test_numbers_of_deleted_exports_are_not_given_again(
    engine: Engine, migrate: Callable[[], None]
) -> None:
    migrate()
    add_export(engine)
    newest = exports(engine)[-1][0]
    run(engine, f"DELETE FROM exports WHERE id = {newest}")
    add_export(engine)
    assert exports(engine)[-1][0] != newest
