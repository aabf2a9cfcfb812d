"""What each problem of a run is about, and how many inputs and texts it is."""

import sqlalchemy as sa
from alembic import op

from blip2core.storage.columns import Id

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    columns = (
        sa.Column("about", sa.Text(), nullable=False, server_default="image"),
        sa.Column("inputs", Id, nullable=False, server_default="1"),
        sa.Column("texts", Id, nullable=False, server_default="0"),
    )
    for column in columns:
        op.add_column("run_problems", column)
