"""Records for tests of the parse and normalise stages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import polars as pl

from miharu.core.columns import RECORD_SCHEMA

REFERENCE = datetime(2025, 6, 15, 12, tzinfo=UTC)


def records(raws: Sequence[bytes], reference: datetime = REFERENCE) -> pl.DataFrame:
    """Return a records frame of `raws`, one byte apart."""
    count = len(raws)
    columns = [
        list(range(count)),
        [f"{row:032x}" for row in range(count)],
        list(raws),
        list(range(count)),
        ["a.log"] * count,
        [reference] * count,
    ]
    return pl.DataFrame(dict(zip(RECORD_SCHEMA, columns, strict=True)), schema=RECORD_SCHEMA)
