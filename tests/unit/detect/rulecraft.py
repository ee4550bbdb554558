"""Small rules and events, and which rule holds for which event."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import polars as pl
import yaml

from miharu.catalog.sigma import Family, RowTest, Scope, SigmaMapping
from miharu.core.columns import UTC_MICROS
from miharu.detect import Detector, RuleSet
from miharu.detect.compiling import compile_rules
from miharu.detect.documents import RuleFile

WHEN = datetime(2024, 5, 1, 12, tzinfo=UTC)
DATASET = "made.up"

PLAIN_MAPPING = SigmaMapping(
    (
        Family(
            None,
            Scope(entity=("host.name",)),
            ("{field}",),
            {"test": Scope(where=((RowTest("event.dataset", (DATASET,)),),))},
            {},
        ),
    ),
    "plain",
)
"""Category `test` is dataset `made.up`; a Sigma field is the column of its name."""


def rule(detection: dict[str, Any], rule_id: str = "rule", **more: Any) -> dict[str, Any]:
    return {
        "title": f"Title of {rule_id}",
        "id": rule_id,
        "logsource": {"category": "test"},
        "detection": detection,
        "level": "high",
        **more,
    }


def compiled(rules: Iterable[dict[str, Any]], mapping: SigmaMapping = PLAIN_MAPPING) -> RuleSet:
    files = [
        RuleFile(f"{number}.yml", yaml.safe_dump(content, allow_unicode=True).encode())
        for number, content in enumerate(rules)
    ]
    return compile_rules(files, mapping)


def batch(events: Sequence[dict[str, Any]], schema: dict[str, Any] | None = None) -> pl.DataFrame:
    """One row per event; its id is its place."""
    rows = [
        {"event.id": str(place), "event.dataset": DATASET, "@timestamp": WHEN, "event.original": None, **event}
        for place, event in enumerate(events)
    ]
    overrides = {"event.original": pl.Binary, "@timestamp": UTC_MICROS, **(schema or {})}
    return pl.DataFrame(rows, schema_overrides=overrides, infer_schema_length=None)


def hits(ruleset: RuleSet, events: pl.DataFrame) -> set[tuple[str, int]]:
    found = Detector(ruleset).run(events)
    return {(rule_id, int(event)) for rule_id, event in found.select("rule.id", "event.id").iter_rows()}


def holding(
    detection: dict[str, Any], events: Sequence[dict[str, Any]], schema: dict[str, Any] | None = None
) -> list[int]:
    """Return the places of the events that one detection holds for."""
    ruleset = compiled([rule(detection)])
    assert not ruleset.problems, ruleset.problems
    return sorted(place for _, place in hits(ruleset, batch(events, schema)))


def one_of(item: dict[str, Any] | list[Any], events: Sequence[dict[str, Any]], **more: Any) -> list[int]:
    """Return the places of the events that one selection holds for."""
    return holding({"selection": item, "condition": "selection"}, events, **more)
