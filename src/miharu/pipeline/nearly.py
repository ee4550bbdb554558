"""A rule and a span of the store → the stored events it nearly holds for, or why it holds for one of them.

Where there are more events of the rule's log sources than one wants to wait for, only some are looked at, and the
answer says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import polars as pl

from miharu.core.columns import EVENT_ID, TIMESTAMP
from miharu.core.errors import OperatorError
from miharu.detect import Detector, Explanation, Miss, Rule, RuleSet, only_rules
from miharu.pipeline.huntplan import HuntMap
from miharu.pipeline.wiring import Lake

MOST_EVENTS: Final = 200_000

Seen = Callable[[int, int], None]


@dataclass(slots=True)
class Nearly:
    """What kept a rule from holding.

    `stored` events of its log sources lie in the span, `events` of them were looked at. It holds for `matched`;
    `unturned` distinct events came as near as `misses`, but for them no change was found with which it would hold.
    `rows` are the whole events of the misses, by id.
    """

    rule: Rule
    stored: int = 0
    events: int = 0
    matched: int = 0
    unturned: int = 0
    misses: list[Miss] = field(default_factory=list)
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)


def explain_event(lake: Lake, ruleset: RuleSet, rule: Rule, event_id: str) -> tuple[dict[str, Any], Explanation]:
    """Return a stored event and the rule's condition with every value and verdict. Raises OperatorError."""
    events = lake.store.events([event_id])
    if events.is_empty():
        message = f"no stored event has the id {event_id!r}; `miharu search` shows ids in `event.id`"
        raise OperatorError(message)
    explanation = Detector(only_rules(ruleset, {rule.id})).explain(rule.id, events)
    assert explanation is not None
    return events.row(0, named=True), explanation


def look_for_misses(
    lake: Lake,
    ruleset: RuleSet,
    rule: Rule,
    span: tuple[datetime | None, datetime | None],
    *,
    limit: int = 5,
    most: int = MOST_EVENTS,
    seen: Seen | None = None,
) -> Nearly:
    """Return the nearest misses of a rule among stored events: `limit` of them, of at most about `most` events.

    `span` is the first instant and the one after the last (None: open). `seen` is told how many events were looked
    at, of how many.
    """
    alone = only_rules(ruleset, {rule.id})
    detector, hunted = Detector(alone), HuntMap(lake.store, alone)
    where, params = _within(span)
    pieces = list(hunted.lay_out(where, params))
    found = Nearly(rule, stored=sum(piece["rows"] for piece in pieces))
    for piece in pieces:
        if found.events >= most:
            break
        _add(found, detector, hunted.read(piece, where, params, most - found.events), limit)
        if seen is not None:
            seen(found.events, min(found.stored, most))
    found.rows = _rows(lake, found.misses)
    return found


def nearly_as_object(
    found: Nearly, tree: Callable[[Explanation], dict[str, Any]], flat: Callable[[dict[str, Any]], dict[str, Any]]
) -> dict[str, Any]:
    """Return what was found as an object; `tree` and `flat` give the forms of explanations and of events."""
    told: dict[str, Any] = {"rule_id": found.rule.id, "title": found.rule.title}
    told |= {name: getattr(found, name) for name in ("stored", "events", "matched", "unturned")}
    return told | {
        "misses": [
            {
                "event_id": miss.event_id,
                "distance": miss.distance,
                "failed": miss.condition.label,
                "would_hold_with": dict(miss.changes),
                "explanation": tree(miss.explanation),
                "event": flat(found.rows[miss.event_id]) if miss.event_id in found.rows else None,
            }
            for miss in found.misses
        ]
    }


def _add(found: Nearly, detector: Detector, events: pl.DataFrame, limit: int) -> None:
    why = detector.why_not(found.rule.id, events, limit)
    assert why is not None
    found.events += why.events
    found.matched += why.matched
    found.unturned += why.unturned
    found.misses = sorted([*found.misses, *why.misses], key=lambda miss: miss.distance)[:limit]


def _within(span: tuple[datetime | None, datetime | None]) -> tuple[str, dict[str, Any]]:
    parts, params = ["true"], {}
    for name, sign, instant in zip(("first", "last"), (">=", "<"), span, strict=True):
        if instant is not None:
            parts.append(f"`{TIMESTAMP}` {sign} {{{name}:DateTime64(6, 'UTC')}}")
            params[name] = instant
    return " AND ".join(parts), params


def _rows(lake: Lake, misses: list[Miss]) -> dict[str, dict[str, Any]]:
    events = lake.store.events([miss.event_id for miss in misses])
    return {row[EVENT_ID]: row for row in events.iter_rows(named=True)}
