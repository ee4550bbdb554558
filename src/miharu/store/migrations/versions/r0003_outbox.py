"""Tables of r0002 → also the outbox of notices."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0003"
down_revision = "r0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "outbox",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("alert_id", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("delivery", sa.String(32)),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("last_error", sa.Text, nullable=False),
        sa.Column("next_attempt", sa.BigInteger, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("queued", sa.BigInteger, nullable=False),
        sa.Column("tried", sa.BigInteger),
        sa.Column("sent", sa.BigInteger),
        sa.Column("holder", sa.String(64)),
        sa.Column("leased_until", sa.BigInteger),
    )
    op.create_index("outbox_by_state", "outbox", ["state", "next_attempt"])
    op.create_index("outbox_by_target", "outbox", ["target", "tried"])
    op.create_index("outbox_by_age", "outbox", ["target", "queued"])
    op.create_index("outbox_by_delivery", "outbox", ["delivery"])


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("outbox")
