"""Changed alerts → the notices that go into the outbox."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from miharu.respond import Change, Target, alert_context
from miharu.store import Notice


def plan_notices(targets: Sequence[Target], changes: Iterable[Change]) -> list[Notice]:
    """Return what each target is told of changed alerts: that one opened, or that its level rose."""
    notices: list[Notice] = []
    for change in changes:
        told = [(alert, "opened") for alert in change.new]
        told += [(alert, f"raised:{alert.rule_level}") for alert in change.raised]
        notices += [
            Notice(target.name, alert.id, kind, alert_context(alert, kind))
            for alert, kind in told
            for target in targets
            if target.wants(alert)
        ]
    return notices
