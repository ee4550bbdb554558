"""Exceptions → what they hid: how many findings each, and which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from miharu.pipeline.wiring import Lake

_COUNTS = """
SELECT `finding.hidden_by` AS exception, uniqExact(`finding.id`) AS count, min(`@timestamp`) AS first,
  max(`@timestamp`) AS last
FROM findings WHERE `finding.hidden_by` != '' GROUP BY exception
"""
_FINDINGS = """
SELECT * FROM findings WHERE `finding.hidden_by` IN {exceptions:Array(String)}
ORDER BY `@timestamp` DESC, `finding.id` LIMIT 1 BY `finding.id` LIMIT {limit:UInt32}
"""


@dataclass(frozen=True, slots=True)
class Hidden:
    """What one exception hid: `count` findings of events between `first` and `last`."""

    count: int
    first: datetime
    last: datetime


def hidden_counts(lake: Lake) -> dict[str, Hidden]:
    """Return what each exception, by id, hid; those that hid nothing are left out."""
    return {exception: Hidden(*told) for exception, *told in lake.store.query(_COUNTS).iter_rows()}


def hidden_findings(lake: Lake, exceptions: Sequence[str], limit: int) -> pl.DataFrame:
    """Return the findings that these exceptions hid, the latest first."""
    return lake.store.query(_FINDINGS, {"exceptions": list(exceptions), "limit": limit})
