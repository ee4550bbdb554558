"""Alerts and what explains them → the objects the API gives."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

import orjson
import polars as pl
from pydantic import BaseModel, Field

from miharu.core.alert import Alert
from miharu.detect import Explanation
from miharu.pipeline import Casefile
from miharu.serve.api.rows import event_rows


class AlertOut(BaseModel):
    """One alert."""

    id: str = Field(description="Id of the alert.")
    rule_id: str = Field(description="Rule whose findings it holds.")
    rule_name: str = Field(description="Title of the rule.")
    rule_level: str = Field(description="informational, low, medium, high or critical.")
    entity: dict[str, Any] = Field(description="Whom or what it is about: ECS fields and their values.")
    first: datetime = Field(description="Time of the first finding.")
    last: datetime = Field(description="Time of the last finding.")
    count: int = Field(description="Number of findings.")
    state: str = Field(description="open, closed or superseded.")
    superseded_by: str | None = Field(None, description="The alert that took its place.")

    @classmethod
    def of(cls, alert: Alert) -> Self:
        """Return an alert as the API gives it."""
        entity = orjson.loads(alert.entity or "{}")
        return cls(
            id=alert.id,
            rule_id=alert.rule_id,
            rule_name=alert.rule_name,
            rule_level=alert.rule_level,
            entity=entity,
            first=alert.first,
            last=alert.last,
            count=alert.count,
            state=alert.state,
            superseded_by=alert.superseded_by,
        )


class AlertPage(BaseModel):
    """Some alerts, the latest first."""

    alerts: list[AlertOut] = Field(description="The alerts of this page.")
    next: str | None = Field(None, description="`cursor` of the next page; null where this is the last.")


class Proof(BaseModel):
    """One finding, its event, and why the rule holds."""

    finding: dict[str, Any] = Field(description="The finding.")
    event: dict[str, Any] | None = Field(description="Its event, with the record as it came; null: it is gone.")
    explanation: dict[str, Any] | None = Field(
        description="The rule's condition as a tree: `kind`, `label`, `verdict`, `children`, and of a test `field`, "
        "`column`, `operator`, `wanted`, `value`; null: the rule is not loaded."
    )


class Case(BaseModel):
    """An alert with its evidence."""

    alert: AlertOut = Field(description="The alert.")
    evidence: list[Proof] = Field(description="Its first findings in the order of time.")


class NewState(BaseModel):
    """What to change about an alert."""

    state: str = Field(description="open or closed.", pattern="^(open|closed)$")


def case_of(case: Casefile) -> dict[str, Any]:
    """Return an opened case as an object that `rows.encode` takes."""
    return {
        "alert": AlertOut.of(case.alert).model_dump(),
        "evidence": [
            {
                "finding": row_of(proof.finding),
                "event": None if proof.event is None else row_of(proof.event),
                "explanation": None if proof.explanation is None else tree_of(proof.explanation),
            }
            for proof in case.evidence
        ],
    }


def row_of(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of the store without nulls, its leftovers merged in."""
    return next(event_rows(pl.DataFrame([row])))


def tree_of(node: Explanation) -> dict[str, Any]:
    """Return an explanation as the API gives it."""
    tree: dict[str, Any] = {"kind": node.kind, "label": node.label, "verdict": node.verdict}
    if node.kind == "test":
        tree |= {name: getattr(node, name) for name in ("field", "column", "operator", "wanted", "value")}
    else:
        tree["children"] = [tree_of(child) for child in node.children]
    return tree
