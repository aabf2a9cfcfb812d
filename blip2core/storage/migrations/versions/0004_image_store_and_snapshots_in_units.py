"""Which image store belongs to the tables, and snapshots that are written in several units.

Written by hand, because each database has its own words for triggers.
"""

import sqlalchemy as sa
from alembic import op

from blip2core.storage.columns import Id

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "image_store",
        sa.Column("id", Id, autoincrement=False, nullable=False),
        sa.Column("uid", sa.String(length=36), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_image_store_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_image_store")),
    )
    op.execute(
        "ALTER TABLE snapshots ADD COLUMN status VARCHAR(10) DEFAULT 'complete' NOT NULL"
        " CONSTRAINT ck_snapshots_status CHECK (status IN ('writing', 'complete'))"
    )
    if op.get_bind().dialect.name == "sqlite":
        _let_go_on_sqlite()
    else:
        _let_go_on_postgresql()


def _let_go_on_sqlite() -> None:
    """Pairs may be deleted, but only those of a snapshot that never became complete."""
    op.execute("DROP TRIGGER snapshot_pairs_no_delete")
    op.execute(
        "CREATE TRIGGER snapshot_pairs_no_delete BEFORE DELETE ON snapshot_pairs"
        " WHEN (SELECT status FROM snapshots WHERE id = OLD.snapshot_id) IS NOT 'writing' BEGIN"
        " SELECT RAISE(ABORT, 'snapshot_pairs only grow: no delete'); END"
    )


def _let_go_on_postgresql() -> None:
    op.execute("DROP TRIGGER snapshot_pairs_guard ON snapshot_pairs")
    op.execute(
        "CREATE TRIGGER snapshot_pairs_guard BEFORE UPDATE ON snapshot_pairs"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE FUNCTION refuse_deleted_pair() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF (SELECT status FROM snapshots WHERE id = OLD.snapshot_id)"
        " IS DISTINCT FROM 'writing' THEN"
        " RAISE EXCEPTION 'snapshot_pairs only grow: no delete'"
        " USING ERRCODE = 'restrict_violation'; END IF; RETURN OLD; END $$"
    )
    op.execute(
        "CREATE TRIGGER snapshot_pairs_delete_guard BEFORE DELETE ON snapshot_pairs"
        " FOR EACH ROW EXECUTE FUNCTION refuse_deleted_pair()"
    )
