"""Tables of notifications → also those of live workers: places in the spool, batches under way."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0004"
down_revision = "r0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "live_positions",
        sa.Column("worker", sa.String(64), primary_key=True),
        sa.Column("segment", sa.BigInteger, nullable=False),
        sa.Column("offset", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "live_batches",
        sa.Column("token", sa.String(32), primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False, unique=True),
        sa.Column("worker", sa.String(64), nullable=False),
        sa.Column("begin_segment", sa.BigInteger, nullable=False),
        sa.Column("begin_offset", sa.BigInteger, nullable=False),
        sa.Column("end_segment", sa.BigInteger, nullable=False),
        sa.Column("end_offset", sa.BigInteger, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Drop the tables."""
    for table in ("live_batches", "live_positions"):
        op.drop_table(table)
