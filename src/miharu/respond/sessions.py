"""Findings frame → sessions: runs of one rule's hits on one entity with no pause above the gap.

The order of the rows does not matter; only event time and finding ids do.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

_GROUP = ("rule.id", "entity")


@dataclass(frozen=True, slots=True)
class Session:
    """`count` findings of one rule on one entity between `first` and `last` (UTC, both included)."""

    rule_id: str
    rule_name: str
    rule_level: str
    entity: str
    first: datetime
    last: datetime
    first_finding: str
    count: int


def sessions(findings: pl.DataFrame, gap: timedelta) -> list[Session]:
    """Cut findings (FINDING_SCHEMA) into sessions; equal findings (same id) count once."""
    if findings.is_empty():
        return []
    ordered = findings.unique("finding.id", keep="any").sort(*_GROUP, "@timestamp", "finding.id")
    same_group = pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift()) for name in _GROUP)
    near = pl.col("@timestamp").diff() <= gap
    runs = ordered.with_columns((~(same_group & near).fill_null(value=False)).cum_sum().alias("run"))
    rows = (
        runs.group_by("run", maintain_order=True)
        .agg(
            pl.col("rule.id").first(),
            pl.col("rule.name").last(),
            pl.col("rule.level").last(),
            pl.col("entity").first(),
            pl.col("@timestamp").first().alias("first"),
            pl.col("@timestamp").last().alias("last"),
            pl.col("finding.id").first(),
            pl.len().alias("count"),
        )
        .drop("run")
        .rows()
    )
    return [Session(*row) for row in rows]
