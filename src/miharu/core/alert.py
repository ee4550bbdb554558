"""Alerts: findings of one rule on one entity, near in time, as a person sees them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert: `count` findings between `first` and `last` (UTC, both included).

    `entity` is the JSON object that findings of one alert share; `first_finding` gives the id (see
    `miharu.core.finding.alert_id`). `state` is open, closed or superseded; a superseded alert names in
    `superseded_by` the id that took its place.
    """

    id: str
    rule_id: str
    rule_name: str
    rule_level: str
    entity: str
    first: datetime
    last: datetime
    first_finding: str
    count: int
    state: str = "open"
    superseded_by: str | None = None
