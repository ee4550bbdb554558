"""An empty database → tables of the import ledger and of alerts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "files",
        sa.Column("file_key", sa.String(32), primary_key=True),
        sa.Column("committed", sa.BigInteger, nullable=False),
        sa.Column("claimed", sa.BigInteger, nullable=False),
        sa.Column("records", sa.BigInteger, nullable=False),
        sa.Column("events", sa.BigInteger, nullable=False),
        sa.Column("rejects", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "contents",
        sa.Column("file_key", sa.String(32), sa.ForeignKey("files.file_key"), primary_key=True),
        sa.Column("size", sa.BigInteger, primary_key=True),
        sa.Column("digest", sa.String(32), primary_key=True),
        sa.Column("head_bytes", sa.Integer, nullable=False),
        sa.Column("head_digest", sa.String(32), nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("complete", sa.Boolean, nullable=False),
        sa.Column("records", sa.BigInteger, nullable=False),
        sa.Column("events", sa.BigInteger, nullable=False),
        sa.Column("rejects", sa.BigInteger, nullable=False),
        sa.Column("last_seen", sa.BigInteger, nullable=False),
    )
    op.create_index("contents_by_head", "contents", ["head_bytes", "head_digest"])
    op.create_table(
        "batches",
        sa.Column("token", sa.String(32), primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False, unique=True),
        sa.Column("segments", sa.JSON, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
    )
    op.create_index("batches_by_state", "batches", ["state", "number"])
    op.create_table(
        "alerts",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("rule_id", sa.Text, nullable=False),
        sa.Column("rule_name", sa.Text, nullable=False),
        sa.Column("rule_level", sa.String(16), nullable=False),
        sa.Column("entity", sa.Text, nullable=False),
        sa.Column("first", sa.BigInteger, nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("first_finding", sa.String(32), nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("superseded_by", sa.String(32)),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("updated", sa.BigInteger, nullable=False),
    )
    op.create_index("alerts_by_rule", "alerts", ["rule_id", "entity", "last"])
    op.create_index("alerts_by_state", "alerts", ["state", "last"])


def downgrade() -> None:
    """Drop the tables."""
    for table in ("alerts", "batches", "contents", "files"):
        op.drop_table(table)
