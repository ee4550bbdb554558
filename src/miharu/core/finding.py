"""Findings and alerts: one hit of a rule on one event → what a person sees.

Ids are functions of content, so that the same events give the same ids in any order of arrival.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from miharu.core.columns import UTC_MICROS
from miharu.core.identity import hash_parts

LEVELS: Final = ("informational", "low", "medium", "high", "critical")
"""Sigma's levels, from least to most severe."""

FINDING_SCHEMA: Final[dict[str, pl.DataType | type[pl.DataType]]] = {
    "finding.id": pl.String,
    "rule.id": pl.String,
    "rule.name": pl.String,
    "rule.level": pl.String,
    "rule.hash": pl.String,
    "rule.tags": pl.List(pl.String),
    "event.id": pl.String,
    "event.dataset": pl.String,
    "@timestamp": UTC_MICROS,
    "entity": pl.String,
    "matched": pl.String,
}
"""`rule.hash` is the hash of the rule's content; `entity` a JSON object of the rule's entity fields with
this event's values (the alert's group key); `matched` a JSON object of the event's values in the fields
the rule looks at."""

HIDDEN_BY: Final = "finding.hidden_by"
"""Column of findings: id of the exception that keeps a finding from raising an alert; empty where none does."""


def finding_id(rule_id: str, rule_hash: str, event_id: str) -> str:
    """Return the id of the hit of one rule's content on one event."""
    return hash_parts("finding", rule_id, rule_hash, event_id)


def alert_id(rule_id: str, entity: str, first_finding: str) -> str:
    """Return the id of the alert whose first member (in event time, then id) is `first_finding`."""
    return hash_parts("alert", rule_id, entity, first_finding)
