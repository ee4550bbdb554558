"""A search text → rows of the store."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from miharu.pipeline.wiring import Lake
from miharu.search import compile_search


def search_events(lake: Lake, text: str, *, start: datetime | None, end: datetime | None, limit: int) -> pl.DataFrame:
    """Run a search within the limits of a user; events come newest first. Raises QueryError with the place."""
    query = compile_search(text, lake.store.columns("events"), start, end, limit)
    return lake.store.query_readonly(query.sql)
