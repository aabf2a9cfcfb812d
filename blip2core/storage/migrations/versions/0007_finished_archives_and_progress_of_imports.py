"""Which archives an import has finished, and how far it has read."""

import sqlalchemy as sa
from alembic import op

from blip2core.storage.columns import Id, JsonColumn, UtcTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "finished_archives",
        sa.Column("id", Id, nullable=False),
        sa.Column("dataset_id", Id, nullable=False),
        sa.Column("run_id", Id, nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("outcome", JsonColumn, nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"],
            ["datasets.id"],
            name=op.f("fk_finished_archives_dataset_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["runs.id"],
            name=op.f("fk_finished_archives_run_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finished_archives")),
        sa.UniqueConstraint("dataset_id", "key", name=op.f("uq_finished_archives_dataset_id_key")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_finished_archives_run_id"), "finished_archives", ["run_id"])
    op.add_column("runs", sa.Column("reading", JsonColumn, nullable=True))
