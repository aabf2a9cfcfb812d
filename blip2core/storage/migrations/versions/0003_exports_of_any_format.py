"""Exports of any format: the list of formats is no longer a CHECK, so a new one needs no migration.

Written by hand, as Alembic does not compare CHECKs.
"""

import sqlalchemy as sa
from alembic import op

from blip2core.storage.columns import Id, JsonColumn, UtcTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        # SQLite cannot drop a constraint: the table is built anew, with its rows.
        with op.batch_alter_table("exports", copy_from=_exports(), recreate="always"):
            pass
    else:
        op.drop_constraint(op.f("ck_exports_format"), "exports", type_="check")


def _exports() -> sa.Table:
    """Return the table without the CHECK: what it has is given, since not all of it is read back."""
    return sa.Table(
        "exports",
        sa.MetaData(),
        sa.Column("id", Id, nullable=False),
        sa.Column("uid", sa.String(length=36), nullable=False),
        sa.Column("snapshot_id", Id, nullable=False),
        sa.Column("run_id", Id, nullable=True),
        sa.Column("format", sa.String(length=16), nullable=False),
        sa.Column("options", JsonColumn, nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("manifest_sha256", sa.String(length=64), nullable=True),
        sa.Column("pairs", Id, nullable=True),
        sa.Column("location", sa.Text(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.CheckConstraint(
            "status <> 'complete' OR (manifest_sha256 IS NOT NULL AND pairs IS NOT NULL AND location IS NOT NULL)",
            name=op.f("ck_exports_complete"),
        ),
        sa.CheckConstraint(
            "status IN ('writing', 'complete', 'failed')", name=op.f("ck_exports_status")
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["runs.id"], name=op.f("fk_exports_run_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["snapshot_id"],
            ["snapshots.id"],
            name=op.f("fk_exports_snapshot_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exports")),
        sa.UniqueConstraint("uid", name=op.f("uq_exports_uid")),
        sa.Index(op.f("ix_exports_snapshot_id"), "snapshot_id"),
        sqlite_autoincrement=True,
    )
