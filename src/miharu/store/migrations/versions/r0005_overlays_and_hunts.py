"""Tables of live work → also those of what operators say about rules, and of hunts through what is stored."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0005"
down_revision = "r0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "rule_overlays",
        sa.Column("rule_id", sa.Text, primary_key=True),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("level", sa.String(16)),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("updated", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "rule_exceptions",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("rule_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("condition", sa.Text, nullable=False),
        sa.Column("detection", sa.JSON, nullable=False),
        sa.Column("fields", sa.JSON, nullable=False),
        sa.Column("until", sa.BigInteger),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("ended", sa.BigInteger),
        sa.Column("revision", sa.BigInteger, nullable=False),
    )
    op.create_table("rules_seen", sa.Column("rule_id", sa.Text, primary_key=True), sa.Column("hash", sa.String(32)))
    op.create_table(
        "hunts",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False, unique=True),
        sa.Column("key", sa.String(32), nullable=False),
        sa.Column("origin", sa.String(16), nullable=False),
        sa.Column("rules", sa.JSON, nullable=False),
        sa.Column("begin", sa.BigInteger),
        sa.Column("end", sa.BigInteger),
        sa.Column("cut", sa.BigInteger, nullable=False),
        sa.Column("plan", sa.JSON, nullable=False),
        sa.Column("done", sa.BigInteger, nullable=False),
        sa.Column("pending", sa.LargeBinary),
        sa.Column("events", sa.BigInteger, nullable=False),
        sa.Column("findings", sa.BigInteger, nullable=False),
        sa.Column("alerts", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("updated", sa.BigInteger, nullable=False),
    )
    op.create_index("hunts_by_state", "hunts", ["state", "key"])


def downgrade() -> None:
    """Drop the tables."""
    for table in ("hunts", "rules_seen", "rule_exceptions", "rule_overlays"):
        op.drop_table(table)
