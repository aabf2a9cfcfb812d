"""What became of all that an import read, and where each web text stood."""

import sqlalchemy as sa
from alembic import op

from blip2core.storage.columns import JsonColumn

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("runs", sa.Column("sums", JsonColumn, nullable=True))
    op.add_column("captions", sa.Column("place", sa.Text(), nullable=True))
    op.add_column("captions", sa.Column("data", JsonColumn, nullable=True))
