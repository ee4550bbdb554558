"""Names, types and partitions of the store's tables → the SQL that makes them and adds columns.

Dotted names stand in backticks. `@timestamp` keeps any instant of the years 1 to 9999: DateTime64 holds microseconds
in 64 bits, and this engine computes, compares and prints the whole range.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from miharu.core.columns import (
    EVENT_CREATED,
    EVENT_DATASET,
    EVENT_ID,
    EVENT_INGESTED,
    EVENT_ORIGINAL,
    LEFTOVERS,
    LOG_OFFSET,
    LOG_PATH,
    TIMESTAMP,
)
from miharu.core.finding import HIDDEN_BY

DATABASE: Final = "miharu"
TABLES: Final = ("events", "findings", "rejects")
IDENTITY: Final = {"events": EVENT_ID, "findings": "finding.id", "rejects": "reject.id"}
"""The column that tells rows of a table apart."""

HOST: Final = "host.name"
MESSAGE: Final = "message"

TIME: Final = "DateTime64(6, 'UTC')"
WORD: Final = "LowCardinality(Nullable(String))"
TEXT: Final = "Nullable(String)"

_CODECS: Final = {
    "String": "ZSTD(3)",
    TEXT: "ZSTD(3)",
    TIME: "Delta, ZSTD(1)",
    "UInt64": "Delta, ZSTD(1)",
}

EVENT_COLUMNS: Final[dict[str, str]] = {
    TIMESTAMP: TIME,
    EVENT_ID: "String",
    EVENT_DATASET: "LowCardinality(String)",
    HOST: WORD,
    EVENT_ORIGINAL: "String",
    MESSAGE: TEXT,
    EVENT_CREATED: TIME,
    EVENT_INGESTED: f"{TIME} DEFAULT now64(6)",
    LOG_PATH: "LowCardinality(Nullable(String))",
    LOG_OFFSET: "UInt64",
    LEFTOVERS: TEXT,
}
FINDING_COLUMNS: Final[dict[str, str]] = {
    "finding.id": "String",
    "rule.id": "LowCardinality(String)",
    "rule.name": "LowCardinality(String)",
    "rule.level": "LowCardinality(String)",
    "rule.hash": "LowCardinality(String)",
    "rule.tags": "Array(LowCardinality(String))",
    EVENT_ID: "String",
    EVENT_DATASET: "LowCardinality(String)",
    TIMESTAMP: TIME,
    "entity": "String",
    "matched": TEXT,
    HIDDEN_BY: "LowCardinality(String)",
}
REJECT_COLUMNS: Final[dict[str, str]] = {
    "reject.id": "String",
    "reject.reason": "LowCardinality(String)",
    "reject.detail": TEXT,
    "reject.raw": "String",
    "reject.created": f"{TIME} DEFAULT now64(6)",
    LOG_PATH: "LowCardinality(Nullable(String))",
    LOG_OFFSET: "UInt64",
}

_TEXT_INDEX: Final = (
    "INDEX {index} {column} TYPE text(tokenizer = splitByNonAlpha, preprocessor = lower({column})) "
    "GRANULARITY 100000000"
)
_SETTINGS: Final = {
    # How many tokens of inserts each table remembers: far more than one crash can leave pending.
    "non_replicated_deduplication_window": "20000",
    "allow_nullable_key": "1",
    # `event.category` and `event.type` are two lists, not two parts of one nested `event`.
    "share_nested_offsets": "0",
    "min_parts_to_merge_at_once": "10",
    "parts_to_delay_insert": "1000",
    "parts_to_throw_insert": "3000",
    # An inserted part is one file: quicker to write and to sync, and thousands of small ones stay cheap.
    "min_bytes_for_wide_part": "268435456",
    # The journal trusts that what was acknowledged survives a loss of power.
    "fsync_after_insert": "1",
    "fsync_part_directory": "1",
}
_NAME: Final = re.compile(r"[^`\\\x00-\x1f]{1,200}")


def quote(name: str) -> str:
    """Return a column's name in backticks. Raises ValueError for names no field can have."""
    if not _NAME.fullmatch(name):
        message = f"{name!r} cannot be the name of a column"
        raise ValueError(message)
    return f"`{name}`"


def create_statements(partition: str) -> list[str]:
    """Return the statements that make the database and its tables; `partition` is month or day."""
    unit = "toYYYYMMDD" if partition == "day" else "toYYYYMM"
    time, created = quote(TIMESTAMP), quote(EVENT_CREATED)
    odd = f"{time} < toDateTime64('2000-01-01', 6, 'UTC') OR {time} > addDays({created}, 1)"
    indexes = [
        _TEXT_INDEX.format(index="message_words", column=quote(MESSAGE)),
        _TEXT_INDEX.format(index="original_words", column=quote(EVENT_ORIGINAL)),
    ]
    return [
        f"CREATE DATABASE IF NOT EXISTS {DATABASE} ENGINE = Atomic",
        _create("events", EVENT_COLUMNS, indexes, f"if({odd}, 0, {unit}({time}))", (EVENT_DATASET, HOST, TIMESTAMP)),
        _create(
            "findings",
            FINDING_COLUMNS,
            [],
            f"if(toYear({time}) BETWEEN 2000 AND 2099, toYear({time}), 0)",
            ("rule.id", "entity", TIMESTAMP),
        ),
        _create("rejects", REJECT_COLUMNS, [], "tuple()", ("reject.reason", "reject.id")),
    ]


def add_columns(table: str, columns: Mapping[str, str]) -> str:
    """Return the statement that adds columns (name → type) to a table where it lacks them."""
    added = ", ".join(f"ADD COLUMN IF NOT EXISTS {_column(name, kind)}" for name, kind in columns.items())
    return f"ALTER TABLE {DATABASE}.{table} {added}"


def _create(table: str, columns: Mapping[str, str], indexes: list[str], partition: str, order: tuple[str, ...]) -> str:
    parts = [*(_column(name, kind) for name, kind in columns.items()), *indexes]
    settings = ", ".join(f"{name} = {value}" for name, value in _SETTINGS.items())
    return (
        f"CREATE TABLE IF NOT EXISTS {DATABASE}.{table} ({', '.join(parts)}) ENGINE = MergeTree "
        f"PARTITION BY {partition} ORDER BY ({', '.join(quote(name) for name in order)}) SETTINGS {settings}"
    )


def _column(name: str, kind: str) -> str:
    plain = kind.split(" DEFAULT ", maxsplit=1)[0]
    return f"{quote(name)} {kind} CODEC({_CODECS.get(plain, 'ZSTD(1)')})"
