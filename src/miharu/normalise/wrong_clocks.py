"""A batch → `miharu.clock`: which events bear a time that cannot be right, and why.

The time stays as the record tells it; nothing is corrected or dropped. Searches and rules can ask for the mark.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import polars as pl

from miharu.core.columns import EVENT_CREATED, TIMESTAMP

CLOCK: Final = "miharu.clock"
AHEAD: Final = "ahead"
UNSET: Final = "unset"
_SLACK: Final = timedelta(days=1)
"""Zones differ by up to a day: a time that is written without its zone may be that much ahead."""
_FIRST: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""Clocks begin at 1601, 1970 or 1980 until they are set."""


def with_clock_marks(batch: pl.DataFrame) -> pl.DataFrame:
    """Mark events whose time is before 2000 or more than a day after the record was received."""
    times, created = batch.get_column(TIMESTAMP), batch.get_column(EVENT_CREATED)
    ahead, unset = times > created + _SLACK, times < _FIRST
    if not (ahead | unset).any():
        return batch
    marks = batch.select(pl.when(ahead).then(pl.lit(AHEAD)).when(unset).then(pl.lit(UNSET)).alias(CLOCK))
    return batch.hstack(marks.get_columns())
