"""A text without data may get some later, with its place, until it is in a snapshot.

Written by hand, because each database has its own words for triggers.
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

FIXED = (
    *("id", "item_id", "source", "origin_key", "text", "source_id"),
    *("run_id", "author_id", "parent_id", "created_at"),
)
IN_A_SNAPSHOT = "EXISTS (SELECT 1 FROM snapshot_pairs WHERE caption_id = OLD.id)"


def upgrade() -> None:
    op.create_index(op.f("ix_snapshot_pairs_caption_id"), "snapshot_pairs", ["caption_id"])
    if op.get_bind().dialect.name == "sqlite":
        _guard_on_sqlite()
    else:
        _guard_on_postgresql()


def _guard_on_sqlite() -> None:
    changed = " OR ".join(f"OLD.{column} IS NOT NEW.{column}" for column in FIXED)
    op.execute("DROP TRIGGER captions_no_update")
    op.execute(
        "CREATE TRIGGER captions_no_update BEFORE UPDATE ON captions"
        f" WHEN coalesce(OLD.data, 'null') <> 'null' OR {changed} OR {IN_A_SNAPSHOT} BEGIN"
        " SELECT RAISE(ABORT, 'captions only grow: no update'); END"
    )


def _guard_on_postgresql() -> None:
    changed = " OR ".join(f"OLD.{column} IS DISTINCT FROM NEW.{column}" for column in FIXED)
    op.execute("DROP TRIGGER captions_guard ON captions")
    op.execute(
        "CREATE TRIGGER captions_guard BEFORE DELETE ON captions"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE FUNCTION refuse_changed_caption() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF coalesce(OLD.data, 'null') <> 'null' OR {changed} OR {IN_A_SNAPSHOT} THEN"
        " RAISE EXCEPTION 'captions only grow: no update'"
        " USING ERRCODE = 'restrict_violation'; END IF; RETURN NEW; END $$"
    )
    op.execute(
        "CREATE TRIGGER captions_update_guard BEFORE UPDATE ON captions"
        " FOR EACH ROW EXECUTE FUNCTION refuse_changed_caption()"
    )
