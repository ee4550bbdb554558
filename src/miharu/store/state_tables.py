"""The tables of the transactional state, as SQLAlchemy knows them; `migrations` makes and changes them.

Instants are 64-bit microseconds since 1970 in the database (every engine keeps them exactly, whatever the year) and
aware UTC datetimes in Python.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.types import TypeDecorator

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Instant(TypeDecorator[datetime]):
    """An aware datetime kept as microseconds since 1970, UTC."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        """Refuse naive datetimes."""
        if value is None:
            return None
        if value.tzinfo is None:
            message = "an instant needs a time zone"
            raise ValueError(message)
        return (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Give an aware datetime."""
        return None if value is None else _EPOCH + value * _MICROSECOND


METADATA: Final = MetaData()

FILES: Final = Table(
    "files",
    METADATA,
    Column("file_key", String(32), primary_key=True),
    # Positions in the unit of the file's format: everything before `committed` is stored, before `claimed` begun.
    Column("committed", BigInteger, nullable=False),
    Column("claimed", BigInteger, nullable=False),
    Column("records", BigInteger, nullable=False),
    Column("events", BigInteger, nullable=False),
    Column("rejects", BigInteger, nullable=False),
)

CONTENTS: Final = Table(
    "contents",
    METADATA,
    Column("file_key", String(32), ForeignKey("files.file_key"), primary_key=True),
    Column("size", BigInteger, primary_key=True),
    Column("digest", String(32), primary_key=True),
    Column("head_bytes", Integer, nullable=False),
    Column("head_digest", String(32), nullable=False),
    Column("path", Text, nullable=False),
    Column("complete", Boolean, nullable=False),
    Column("records", BigInteger, nullable=False),
    Column("events", BigInteger, nullable=False),
    Column("rejects", BigInteger, nullable=False),
    Column("last_seen", Instant, nullable=False),
    Index("contents_by_head", "head_bytes", "head_digest"),
)

BATCHES: Final = Table(
    "batches",
    METADATA,
    Column("token", String(32), primary_key=True),
    Column("number", BigInteger, nullable=False, unique=True),
    Column("segments", JSON, nullable=False),
    Column("state", String(16), nullable=False),
    Column("created", Instant, nullable=False),
    Index("batches_by_state", "state", "number"),
)

ALERTS: Final = Table(
    "alerts",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("rule_id", Text, nullable=False),
    Column("rule_name", Text, nullable=False),
    Column("rule_level", String(16), nullable=False),
    Column("entity", Text, nullable=False),
    Column("first", Instant, nullable=False),
    Column("last", Instant, nullable=False),
    Column("first_finding", String(32), nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("superseded_by", String(32)),
    Column("created", Instant, nullable=False),
    Column("updated", Instant, nullable=False),
    # The number of the alert's last change: whoever knows the greatest one asks for what has a greater.
    Column("revision", BigInteger, nullable=False),
    Index("alerts_by_rule", "rule_id", "entity", "last"),
    Index("alerts_by_state", "state", "last"),
    Index("alerts_by_revision", "revision", unique=True),
)

TOKENS: Final = Table(
    "tokens",
    METADATA,
    Column("digest", String(64), primary_key=True),
    Column("name", Text, nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("created", Instant, nullable=False),
    Column("expires", Instant),
    Column("revoked", Instant),
    Index("tokens_by_name", "name"),
)

LIVE_POSITIONS: Final = Table(
    "live_positions",
    METADATA,
    Column("worker", String(64), primary_key=True),
    # Everything of the spool before this place is stored.
    Column("segment", BigInteger, nullable=False),
    Column("offset", BigInteger, nullable=False),
)

LIVE_BATCHES: Final = Table(
    "live_batches",
    METADATA,
    Column("token", String(32), primary_key=True),
    Column("number", BigInteger, nullable=False, unique=True),
    Column("worker", String(64), nullable=False),
    Column("begin_segment", BigInteger, nullable=False),
    Column("begin_offset", BigInteger, nullable=False),
    Column("end_segment", BigInteger, nullable=False),
    Column("end_offset", BigInteger, nullable=False),
    Column("created", Instant, nullable=False),
)

OUTBOX: Final = Table(
    "outbox",
    METADATA,
    # The id is made of target, alert and kind: the primary key keeps a notice from being queued twice.
    Column("id", String(32), primary_key=True),
    Column("target", Text, nullable=False),
    Column("alert_id", String(32), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("body", JSON, nullable=False),
    Column("state", String(16), nullable=False),
    # The message that the notice is part of, from its first attempt on.
    Column("delivery", String(32)),
    Column("attempts", Integer, nullable=False),
    Column("last_error", Text, nullable=False),
    Column("next_attempt", Instant, nullable=False),
    Column("created", Instant, nullable=False),
    # When it was queued, or queued again by hand: what is given up has waited too long since then.
    Column("queued", Instant, nullable=False),
    Column("tried", Instant),
    Column("sent", Instant),
    Column("holder", String(64)),
    Column("leased_until", Instant),
    Index("outbox_by_state", "state", "next_attempt"),
    Index("outbox_by_target", "target", "tried"),
    Index("outbox_by_age", "target", "queued"),
    Index("outbox_by_delivery", "delivery"),
)

RULE_OVERLAYS: Final = Table(
    "rule_overlays",
    METADATA,
    Column("rule_id", Text, primary_key=True),
    Column("enabled", Boolean, nullable=False),
    # The level findings get instead of the rule's own; null: the rule's own.
    Column("level", String(16)),
    Column("who", Text, nullable=False),
    Column("updated", Instant, nullable=False),
    Column("revision", BigInteger, nullable=False),
)

RULE_EXCEPTIONS: Final = Table(
    "rule_exceptions",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("rule_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    # As it was written; `detection` is the same as a Sigma detection, `fields` where its field names lie.
    Column("condition", Text, nullable=False),
    Column("detection", JSON, nullable=False),
    Column("fields", JSON, nullable=False),
    Column("until", Instant),
    Column("reason", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("created", Instant, nullable=False),
    Column("ended", Instant),
    Column("revision", BigInteger, nullable=False),
)

RULES_SEEN: Final = Table(
    "rules_seen",
    METADATA,
    Column("rule_id", Text, primary_key=True),
    Column("hash", String(32)),
)

HUNTS: Final = Table(
    "hunts",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("number", BigInteger, nullable=False, unique=True),
    # What is asked, over which rules as they are now: the same question again goes on with the same hunt.
    Column("key", String(32), nullable=False),
    Column("origin", String(16), nullable=False),
    Column("rules", JSON, nullable=False),
    Column("begin", Instant),
    Column("end", Instant),
    # Only events stored before this instant are judged; live work judges what comes later.
    Column("cut", Instant, nullable=False),
    Column("plan", JSON, nullable=False),
    # Pieces of the plan that are finished, and the findings of the next one, written down before they are stored.
    Column("done", BigInteger, nullable=False),
    Column("pending", LargeBinary),
    Column("events", BigInteger, nullable=False),
    Column("findings", BigInteger, nullable=False),
    Column("alerts", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("created", Instant, nullable=False),
    Column("updated", Instant, nullable=False),
    Index("hunts_by_state", "state", "key"),
)
