"""Findings of one batch → alerts written in the transaction that finishes it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

from miharu.pipeline.notices import plan_notices
from miharu.respond import Session, Target, regroup
from miharu.store import Transaction


def write_alerts(
    transaction: Transaction, found: Sequence[Session], gap: timedelta, targets: Sequence[Target] = ()
) -> int:
    """Join sessions with the stored alerts they touch, and note whom to tell; return how many alerts are new."""
    groups: dict[tuple[str, str], list[Session]] = defaultdict(list)
    for session in found:
        groups[session.rule_id, session.entity].append(session)
    stored = transaction.live_alerts(groups)
    changes = [regroup(stored[key], new, gap) for key, new in groups.items()]
    transaction.upsert_alerts([alert for change in changes for alert in change.alerts])
    transaction.enqueue(plan_notices(targets, changes))
    return sum(change.opened for change in changes)
