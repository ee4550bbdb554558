"""Tables of r0001 → tokens, and alerts that carry the number of their last change."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0002"
down_revision = "r0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table of tokens; number the alerts there are in the order of their last change."""
    op.create_table(
        "tokens",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("scopes", sa.JSON, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("expires", sa.BigInteger),
        sa.Column("revoked", sa.BigInteger),
    )
    op.create_index("tokens_by_name", "tokens", ["name"])
    op.add_column("alerts", sa.Column("revision", sa.BigInteger))
    _number_alerts(op.get_bind())
    with op.batch_alter_table("alerts") as alerts:
        alerts.alter_column("revision", existing_type=sa.BigInteger, nullable=False)
    op.create_index("alerts_by_revision", "alerts", ["revision"], unique=True)


def _number_alerts(connection: sa.Connection) -> None:
    alerts = sa.table("alerts", sa.column("id"), sa.column("updated"), sa.column("revision"))
    ids = connection.execute(sa.select(alerts.c.id).order_by(alerts.c.updated, alerts.c.id)).scalars().all()
    if ids:
        change = sa.update(alerts).where(alerts.c.id == sa.bindparam("one")).values(revision=sa.bindparam("number"))
        connection.execute(change, [{"one": each, "number": number} for number, each in enumerate(ids, 1)])


def downgrade() -> None:
    """Drop what was added."""
    op.drop_index("alerts_by_revision", "alerts")
    with op.batch_alter_table("alerts") as alerts:
        alerts.drop_column("revision")
    op.drop_table("tokens")
