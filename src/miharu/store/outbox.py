"""Notices about alerts ↔ rows of the outbox: queued, taken one message at a time, sent or given up.

A notice is one thing one target is told about one alert. Notices that go out together are one delivery: its id and
its members are written down before it is sent for the first time and do not change, whoever sends it again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, delete, func, or_, select, update

from miharu.core.identity import hash_parts
from miharu.store.state_tables import OUTBOX
from miharu.store.upserts import upsert

WAITING: Final = "waiting"
SENT: Final = "sent"
FAILED: Final = "failed"
"""The receiver refused it for good."""
DEAD: Final = "dead"
"""It could not be delivered for too long."""

_MINUTE: Final = timedelta(minutes=1)
_MEMBERS: Final = 500


@dataclass(frozen=True, slots=True)
class Notice:
    """What `target` is told about one alert. `kind` is `opened`, or `raised:` and the level it rose to.

    `body` is the JSON object that the message is made from.
    """

    target: str
    alert_id: str
    kind: str
    body: Mapping[str, Any]

    @property
    def id(self) -> str:
        """Return the id, the same for the same target, alert and kind."""
        return hash_parts("notice", self.target, self.alert_id, self.kind)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to one target: the bodies of its notices. `attempts` counts this one; `queued` is the oldest's."""

    id: str
    target: str
    bodies: tuple[Mapping[str, Any], ...]
    attempts: int
    queued: datetime


@dataclass(frozen=True, slots=True)
class Terms:
    """Who takes (`holder`), until when nobody else may, and how much a target bears.

    At most `per_minute` messages begin within a minute. Of more than `group_above` notices that come within `group`,
    those that did not go yet go as one message, as soon as the oldest of them has waited that long; where none went,
    at once.
    """

    holder: str
    lease: timedelta
    per_minute: int
    group: timedelta
    group_above: int


@dataclass(frozen=True, slots=True)
class OutboxCount:
    """How many notices of a target are in one state, since when the oldest, and the last error of the latest tried."""

    target: str
    state: str
    notices: int
    oldest: datetime
    last_error: str


def enqueue(connection: Connection, notices: Iterable[Notice], now: datetime) -> None:
    """Queue notices; one that was queued before, sent or not, is left as it is."""
    rows = [
        {
            "id": notice.id,
            "target": notice.target,
            "alert_id": notice.alert_id,
            "kind": notice.kind,
            "body": dict(notice.body),
            "state": WAITING,
            "attempts": 0,
            "last_error": "",
            "next_attempt": now,
            "created": now,
            "queued": now,
        }
        for notice in notices
    ]
    upsert(connection, OUTBOX, rows, ())


def due(connection: Connection, now: datetime) -> list[str]:
    """Return the names of targets that a message might be sent to now."""
    query = select(OUTBOX.c.target).where(_takeable(now)).distinct().order_by(OUTBOX.c.target)
    return list(connection.execute(query).scalars())


def take(connection: Connection, target: str, now: datetime, terms: Terms) -> Delivery | None:
    """Take the next message to a target, so that nobody else does until the lease ends; None: not now."""
    since = OUTBOX.c.tried > now - _MINUTE
    begun = select(func.count(OUTBOX.c.delivery.distinct())).where(OUTBOX.c.target == target, since)
    if connection.execute(begun).scalar_one() >= terms.per_minute:
        return None
    # The row lock keeps two takers apart where the database lets them write at once; SQLite does not.
    ready = select(OUTBOX.c.id, OUTBOX.c.delivery, OUTBOX.c.queued).where(OUTBOX.c.target == target, _takeable(now))
    ordered = ready.order_by(OUTBOX.c.next_attempt, OUTBOX.c.queued, OUTBOX.c.id).limit(_MEMBERS).with_for_update()
    rows = connection.execute(ordered).all()
    again = next((row.delivery for row in rows if row.delivery is not None), None)
    if again is not None:
        return _lease(connection, OUTBOX.c.delivery == again, again, now, terms)
    chosen = _together(connection, target, rows, now, terms)
    if not chosen:
        return None
    name = chosen[0] if len(chosen) == 1 else hash_parts("delivery", target, *sorted(chosen))
    return _lease(connection, OUTBOX.c.id.in_(chosen), name, now, terms)


def renew(connection: Connection, holder: str, until: datetime) -> None:
    """Move the end of every lease of a holder."""
    change = update(OUTBOX).where(OUTBOX.c.holder == holder, OUTBOX.c.state == WAITING)
    connection.execute(change.values(leased_until=until))


def settle(connection: Connection, delivery: str, holder: str, now: datetime) -> None:
    """Mark a delivery sent, if it is still its holder's."""
    change = {"state": SENT, "sent": now, "last_error": "", "holder": None, "leased_until": None}
    connection.execute(update(OUTBOX).where(_held(delivery, holder)).values(change))


def put_back(connection: Connection, delivery: str, holder: str, error: str, later: datetime | str) -> None:
    """Keep a delivery for `later`, or end it in the state `later` (failed, dead), if it is still its holder's."""
    change: dict[str, Any] = {"last_error": error, "holder": None, "leased_until": None}
    change |= {"state": later} if isinstance(later, str) else {"next_attempt": later}
    connection.execute(update(OUTBOX).where(_held(delivery, holder)).values(change))


def revive(connection: Connection, target: str | None, now: datetime) -> int:
    """Queue again what failed or was given up, of one target or of all; return how many notices."""
    wanted = OUTBOX.c.state.in_((FAILED, DEAD))
    chosen = wanted if target is None else and_(wanted, OUTBOX.c.target == target)
    change = {"state": WAITING, "attempts": 0, "next_attempt": now, "queued": now}
    return connection.execute(update(OUTBOX).where(chosen).values(change)).rowcount


def forget_sent(connection: Connection, before: datetime) -> None:
    """Remove notices that were sent before an instant."""
    connection.execute(delete(OUTBOX).where(OUTBOX.c.state == SENT, OUTBOX.c.sent < before))


def counts(connection: Connection) -> list[OutboxCount]:
    """Return what the outbox holds, by target and state."""
    grouped = select(
        OUTBOX.c.target, OUTBOX.c.state, func.count().label("notices"), func.min(OUTBOX.c.created).label("oldest")
    ).group_by(OUTBOX.c.target, OUTBOX.c.state)
    errors = _last_errors(connection)
    return [
        OutboxCount(row.target, row.state, row.notices, row.oldest, errors[row.target, row.state])
        for row in connection.execute(grouped.order_by(OUTBOX.c.target, OUTBOX.c.state))
    ]


def _last_errors(connection: Connection) -> defaultdict[tuple[str, str], str]:
    faulty = OUTBOX.c.last_error != ""
    latest = func.row_number().over(
        partition_by=(OUTBOX.c.target, OUTBOX.c.state), order_by=(OUTBOX.c.tried.desc(), OUTBOX.c.id)
    )
    ranked = select(OUTBOX.c.target, OUTBOX.c.state, OUTBOX.c.last_error, latest.label("rank")).where(faulty).subquery()
    query = select(ranked).where(ranked.c.rank == 1)
    found = {(row.target, row.state): str(row.last_error) for row in connection.execute(query)}
    return defaultdict(str, found)


def _takeable(now: datetime) -> ColumnElement[bool]:
    free = or_(OUTBOX.c.leased_until.is_(None), OUTBOX.c.leased_until <= now)
    return and_(OUTBOX.c.state == WAITING, OUTBOX.c.next_attempt <= now, free)


def _held(delivery: str, holder: str) -> ColumnElement[bool]:
    return and_(OUTBOX.c.delivery == delivery, OUTBOX.c.holder == holder, OUTBOX.c.state == WAITING)


def _together(connection: Connection, target: str, rows: Sequence[Any], now: datetime, terms: Terms) -> list[str]:
    """Choose which of the notices that were never tried go as one message now."""
    if not rows:
        return []
    oldest: datetime = min(row.queued for row in rows)
    near = select(func.count()).where(OUTBOX.c.target == target, OUTBOX.c.queued > oldest - terms.group)
    together: int = connection.execute(near).scalar_one()
    if together <= terms.group_above:
        return [rows[0].id]
    if together > len(rows) and now - oldest < terms.group:
        # Some of them are on their way already, so nobody needs to hear at once of the rest.
        return []
    return [row.id for row in rows]


def _lease(connection: Connection, members: ColumnElement[bool], name: str, now: datetime, terms: Terms) -> Delivery:
    mine = and_(members, OUTBOX.c.state == WAITING)
    change = {
        "delivery": name,
        "holder": terms.holder,
        "leased_until": now + terms.lease,
        "tried": now,
        "attempts": OUTBOX.c.attempts + 1,
    }
    connection.execute(update(OUTBOX).where(mine).values(change))
    query = select(OUTBOX.c.target, OUTBOX.c.body, OUTBOX.c.attempts, OUTBOX.c.queued).where(mine).order_by(OUTBOX.c.id)
    rows = connection.execute(query).all()
    return Delivery(
        name,
        rows[0].target,
        tuple(row.body for row in rows),
        max(row.attempts for row in rows),
        min(row.queued for row in rows),
    )
