"""Search in captions, and a log that only grows.

Written by hand, because each database has its own words for both.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

GUARDED = {
    "captions": ("UPDATE", "DELETE"),
    "decisions": ("UPDATE", "DELETE"),
    "snapshot_pairs": ("UPDATE", "DELETE"),
    "scores": ("UPDATE",),
}


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _search_on_sqlite()
        _guard_on_sqlite()
    else:
        op.execute(
            "CREATE INDEX caption_search ON captions USING gin (to_tsvector('simple', text))"
        )
        _guard_on_postgresql()


def _search_on_sqlite() -> None:
    op.execute(
        "CREATE VIRTUAL TABLE caption_search"
        " USING fts5(text, content='captions', content_rowid='id')"
    )


def _guard_on_sqlite() -> None:
    for table, acts in GUARDED.items():
        for act in acts:
            op.execute(
                f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table} BEGIN"
                f" SELECT RAISE(ABORT, '{table} only grow: no {act.lower()}'); END"
            )


def _guard_on_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE EXCEPTION '% only grow: no %', TG_TABLE_NAME, lower(TG_OP)"
        " USING ERRCODE = 'restrict_violation'; END $$"
    )
    for table, acts in GUARDED.items():
        op.execute(
            f"CREATE TRIGGER {table}_guard BEFORE {' OR '.join(acts)} ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
