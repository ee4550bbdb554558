"""Findings of one batch → alerts written in the transaction that finishes it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

from miharu.core.alert import Alert
from miharu.respond import Session, regroup
from miharu.store import Transaction


def write_alerts(transaction: Transaction, found: Sequence[Session], gap: timedelta) -> int:
    """Join sessions with the stored alerts they touch; return how many alerts are new."""
    groups: dict[tuple[str, str], list[Session]] = defaultdict(list)
    for session in found:
        groups[session.rule_id, session.entity].append(session)
    stored = transaction.live_alerts(groups)
    opened = 0
    changed: list[Alert] = []
    for key, new in groups.items():
        change = regroup(stored[key], new, gap)
        changed.extend(change.alerts)
        opened += change.opened
    transaction.upsert_alerts(changed)
    return opened
