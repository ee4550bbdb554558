"""An alert → everything that explains it: its findings, their events, and why each rule condition holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from miharu.core.alert import Alert
from miharu.core.errors import OperatorError
from miharu.detect import Detector, Explanation
from miharu.pipeline.wiring import Lake

_FINDINGS_OF_ALERT = """
SELECT * EXCEPT (`finding.hidden_by`) FROM findings
WHERE `finding.hidden_by` = '' AND `rule.id` = {rule:String} AND entity = {entity:String}
  AND `@timestamp` >= {first:DateTime64(6, 'UTC')} AND `@timestamp` <= {last:DateTime64(6, 'UTC')}
ORDER BY `@timestamp`, `finding.id`
LIMIT 1 BY `finding.id`
LIMIT {limit:UInt32}
"""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One finding with its event and the explanation; `explanation` is None where the rule is not loaded."""

    finding: dict[str, Any]
    event: dict[str, Any] | None
    explanation: Explanation | None


@dataclass(frozen=True, slots=True)
class Casefile:
    """An alert and its first findings in event time, explained."""

    alert: Alert
    evidence: Sequence[Evidence]


def findings_of(lake: Lake, alert: Alert, limit: int) -> pl.DataFrame:
    """Return up to `limit` findings of an alert, oldest first."""
    parameters = {
        "rule": alert.rule_id,
        "entity": alert.entity,
        "first": alert.first,
        "last": alert.last,
        "limit": limit,
    }
    return lake.store.query(_FINDINGS_OF_ALERT, parameters)


def open_case(lake: Lake, detector: Detector, alert_id: str, limit: int) -> Casefile:
    """Gather what explains the alert whose id starts with `alert_id`."""
    alert = lake.state.alert(alert_id)
    if alert is None:
        msg = f"no alert has an id that starts with {alert_id!r}; `miharu alerts list` shows the ids"
        raise OperatorError(msg)
    findings = findings_of(lake, alert, limit)
    events = lake.store.events(findings["event.id"].to_list())
    evidence = [_explain(detector, finding, events) for finding in findings.iter_rows(named=True)]
    return Casefile(alert, evidence)


def _explain(detector: Detector, finding: dict[str, Any], events: pl.DataFrame) -> Evidence:
    event = events.filter(pl.col("event.id") == finding["event.id"])
    if event.is_empty():
        return Evidence(finding, None, None)
    explanation = detector.explain(finding["rule.id"], event)
    return Evidence(finding, event.row(0, named=True), explanation)
