"""Alerts ↔ rows of the state database."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, and_, func, or_, select, text, tuple_

from miharu.core.alert import Alert
from miharu.core.errors import OperatorError
from miharu.core.finding import LEVELS
from miharu.store.state_tables import ALERTS
from miharu.store.upserts import upsert

RuleEntity = tuple[str, str]

_NAMES: Final = tuple(field.name for field in fields(Alert))
_VALUES: Final = attrgetter(*_NAMES)
_COLUMNS: Final = tuple(ALERTS.c[name] for name in _NAMES)
_CHANGING: Final = (*(name for name in _NAMES if name != "id"), "updated", "revision")
_KEYS_AT_ONCE: Final = 300
_SHOWN: Final = 5
_HEX: Final = re.compile(r"[0-9a-f]+")


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """What an alert must be; None: anything. `level` is the least severe one, `since` and `until` touch its span."""

    state: str | None = None
    rule_id: str | None = None
    level: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def upsert_alerts(connection: Connection, alerts: Iterable[Alert], now: datetime) -> None:
    """Write alerts; one whose id is there is replaced, save when it was made. Each gets the next revision."""
    rows: list[dict[str, Any]] = [
        # Not `asdict`, which copies every value deeply.
        {**dict(zip(_NAMES, _VALUES(alert), strict=True)), "created": now, "updated": now}
        for alert in alerts
    ]
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        # Revisions must become visible in their order, or a reader passes one by. SQLite has one writer at a time.
        connection.execute(text("LOCK TABLE alerts IN SHARE ROW EXCLUSIVE MODE"))
    for revision, row in enumerate(rows, last_revision(connection) + 1):
        row["revision"] = revision
    upsert(connection, ALERTS, rows, _CHANGING)


def last_revision(connection: Connection) -> int:
    """Return the revision of the latest change of any alert; 0 where there is none."""
    found: int | None = connection.execute(select(func.max(ALERTS.c.revision))).scalar()
    return found or 0


def alerts_since(connection: Connection, revision: int, limit: int) -> list[tuple[int, Alert]]:
    """Return up to `limit` alerts changed after `revision`, in the order of change, each with its own revision."""
    query = select(ALERTS.c.revision, *_COLUMNS).where(ALERTS.c.revision > revision).order_by(ALERTS.c.revision)
    rows = connection.execute(query.limit(limit)).mappings()
    return [(row["revision"], Alert(**{name: row[name] for name in _NAMES})) for row in rows]


def live_alerts(connection: Connection, keys: Collection[RuleEntity]) -> dict[RuleEntity, list[Alert]]:
    """Return the alerts of each (rule id, entity) that no other took the place of, by their start."""
    found: dict[RuleEntity, list[Alert]] = {key: [] for key in keys}
    wanted = list(found)
    for begin in range(0, len(wanted), _KEYS_AT_ONCE):
        some = wanted[begin : begin + _KEYS_AT_ONCE]
        query = select(*_COLUMNS).where(
            tuple_(ALERTS.c.rule_id, ALERTS.c.entity).in_(some), ALERTS.c.state != "superseded"
        )
        for alert in _read(connection, query.order_by(ALERTS.c.first, ALERTS.c.id)):
            found[alert.rule_id, alert.entity].append(alert)
    return found


def list_alerts(
    connection: Connection,
    *,
    state: str | None,
    rule_id: str | None,
    level: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int | None,
) -> list[Alert]:
    """Return alerts that pass every filter given, the latest first; `level` is the least severe one wanted."""
    return page_alerts(connection, AlertFilter(state, rule_id, level, since, until), None, limit)


def page_alerts(
    connection: Connection, wanted: AlertFilter, after: tuple[datetime, str] | None, limit: int | None
) -> list[Alert]:
    """Return alerts that pass a filter, the latest first, from behind the one whose (last, id) is `after`."""
    last, id_ = ALERTS.c.last, ALERTS.c.id
    query = select(*_COLUMNS).order_by(last.desc(), id_)
    if wanted.state is not None:
        query = query.where(ALERTS.c.state == wanted.state)
    if wanted.rule_id is not None:
        query = query.where(ALERTS.c.rule_id == wanted.rule_id)
    if wanted.level is not None:
        query = query.where(ALERTS.c.rule_level.in_(LEVELS[LEVELS.index(wanted.level) :]))
    if wanted.since is not None:
        query = query.where(last >= wanted.since)
    if wanted.until is not None:
        query = query.where(ALERTS.c.first <= wanted.until)
    if after is not None:
        query = query.where(or_(last < after[0], and_(last == after[0], id_ > after[1])))
    return _read(connection, query if limit is None else query.limit(limit))


def set_alert_state(connection: Connection, alert_id: str, state: str, now: datetime) -> Alert | None:
    """Open or close an alert and return it as it is then; None where no alert has this id.

    Raises OperatorError where another alert took its place.
    """
    found = _read(connection, select(*_COLUMNS).where(ALERTS.c.id == alert_id).with_for_update())
    if not found:
        return None
    (known,) = found
    if known.state == "superseded":
        message = f"another alert took the place of {known.id}; change {known.superseded_by}"
        raise OperatorError(message)
    changed = replace(known, state=state)
    if changed != known:
        upsert_alerts(connection, [changed], now)
    return changed


def alert(connection: Connection, start: str) -> Alert | None:
    """Return the alert whose id is `start` or alone begins with it. Raises OperatorError where several do."""
    if not _HEX.fullmatch(start):
        return None
    query = select(*_COLUMNS).where(ALERTS.c.id.startswith(start)).order_by(ALERTS.c.id).limit(_SHOWN + 1)
    found = _read(connection, query)
    if len(found) > 1:
        shown = ", ".join(each.id for each in found[:_SHOWN])
        message = f"several alerts have an id that starts with {start}: {shown}{', …' if len(found) > _SHOWN else ''}"
        raise OperatorError(message)
    return found[0] if found else None


def _read(connection: Connection, query: Select[Any]) -> list[Alert]:
    rows: Sequence[Row[Any]] = connection.execute(query).all()
    return [Alert(**row._asdict()) for row in rows]
