"""Lines of somebody else's logs → the events miharu makes of them, one for each line."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

import polars as pl

from miharu.catalog import load_fields, load_logsources
from miharu.core.columns import RECORD_SCHEMA
from miharu.normalise import Normaliser
from miharu.parse import Parser

CREATED = datetime(2025, 6, 16, tzinfo=UTC)

Event = dict[str, object]


@cache
def stages(timezone: str) -> tuple[Parser, Normaliser]:
    """Return what reads and what normalises, for stamps that name no zone."""
    sources = load_logsources()
    return Parser(sources, timezone), Normaliser(sources, load_fields(), timezone)


def events_of(lines: list[str], reference: datetime = CREATED, timezone: str = "UTC") -> list[Event]:
    """Return the event of each line; stamps without a year are read against `reference`."""
    height = len(lines)
    columns = {
        "record.row": list(range(height)),
        "record.id": ["0" * 32] * height,
        "record.raw": [line.encode("utf-8", "surrogateescape") for line in lines],
        "record.offset": [0] * height,
        "record.path": ["sample.log"] * height,
        "record.reference": [reference] * height,
    }
    parser, normaliser = stages(timezone)
    parsed = parser.read("lines", pl.DataFrame(columns, schema=RECORD_SCHEMA))
    assert parsed.rejects.is_empty()
    batch = normaliser.run(parsed.fields, CREATED)
    assert batch.height == height
    order = batch.sort("record.row") if "record.row" in batch.columns else batch
    return [{key: value for key, value in row.items() if value is not None} for row in order.to_dicts()]
