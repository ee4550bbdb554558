"""Stored alerts and new sessions of one rule and entity → what must be written.

An alert is a maximal run of findings whose pauses are at most the session gap; its id comes from its
first member. Late findings can extend an alert, join two, or give one an earlier first member: an id
that stops naming an alert stays, in state `superseded`, and points to the one that took its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise

from miharu.core.alert import Alert
from miharu.core.finding import LEVELS, alert_id
from miharu.respond.sessions import Session


@dataclass(frozen=True, slots=True)
class Change:
    """`alerts` to write (new, changed and superseded ones).

    Of these, `new` had no predecessor, and `raised` are more severe than every alert they go on from.
    """

    alerts: tuple[Alert, ...]
    new: tuple[Alert, ...] = ()
    raised: tuple[Alert, ...] = ()

    @property
    def opened(self) -> int:
        """Return how many alerts are new."""
        return len(self.new)


def regroup(stored: Sequence[Alert], found: Sequence[Session], gap: timedelta) -> Change:
    """Join new sessions with the stored live alerts of the same rule and entity.

    `stored` holds every live alert of that rule and entity that lies within `gap` of a session in
    `found`; alerts further away cannot change and need not be given.
    """
    if not stored and len(found) == 1:  # nearly always: nothing to sort or to join
        opened = (_alert_of(found[0]),)
        return Change(opened, opened)
    spans: list[Alert | Session] = sorted([*stored, *found], key=lambda span: (span.first, span.first_finding))
    written: list[Alert] = []
    new: list[Alert] = []
    raised: list[Alert] = []
    for run in _runs(spans, gap):
        old = [span for span in run if isinstance(span, Alert)]
        if len(old) == len(run) == 1:
            continue
        joined = _join(run, old)
        if not old:
            new.append(joined)
        elif all(LEVELS.index(alert.rule_level) < LEVELS.index(joined.rule_level) for alert in old):
            raised.append(joined)
        written.append(joined)
        written.extend(
            replace(alert, state="superseded", superseded_by=joined.id) for alert in old if alert.id != joined.id
        )
    return Change(tuple(written), tuple(new), tuple(raised))


def _alert_of(session: Session, state: str = "open") -> Alert:
    return Alert(
        id=alert_id(session.rule_id, session.entity, session.first_finding),
        rule_id=session.rule_id,
        rule_name=session.rule_name,
        rule_level=session.rule_level,
        entity=session.entity,
        first=session.first,
        last=session.last,
        first_finding=session.first_finding,
        count=session.count,
        state=state,
    )


def _runs(spans: Sequence[Alert | Session], gap: timedelta) -> list[list[Alert | Session]]:
    """Split spans, sorted by start, where the pause after everything before is above the gap."""
    if not spans:
        return []
    ends = [spans[0].last]
    for span in spans[1:]:
        ends.append(max(ends[-1], span.last))
    runs: list[list[Alert | Session]] = [[spans[0]]]
    for end, (_, span) in zip(ends, pairwise(spans), strict=False):
        if span.first - end > gap:
            runs.append([])
        runs[-1].append(span)
    return runs


def _join(run: Sequence[Alert | Session], old: Sequence[Alert]) -> Alert:
    head = run[0]
    states = {alert.state for alert in old}
    joined = Session(
        rule_id=head.rule_id,
        rule_name=run[-1].rule_name,
        rule_level=max((span.rule_level for span in run), key=LEVELS.index),
        entity=head.entity,
        first=head.first,
        last=max(span.last for span in run),
        first_finding=head.first_finding,
        count=sum(span.count for span in run),
    )
    # New evidence reopens what was closed; only an alert nothing was added to stays closed.
    stays_closed = states == {"closed"} and len(old) == len(run)
    return _alert_of(joined, "closed" if stays_closed else "open")
