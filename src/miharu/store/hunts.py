"""How far hunts through the store have come, and which rules live work has judged with.

The order that makes a piece of a hunt count once: its findings are written down here (`write_down`, durable) → stored
→ `finish`, one transaction with the alerts. After a crash, what is written down is stored and finished first.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, Row, Select, delete, func, select, update

from miharu.core.clock import Clock
from miharu.store.overlays import Connect
from miharu.store.state_tables import BATCHES, HUNTS, LIVE_BATCHES, RULES_SEEN

Rules: TypeAlias = Mapping[str, str]
"""Hashes of rules by their ids."""

_ROWS_AT_ONCE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Hunt:
    """A hunt: `rules` over the pieces of a plan, of which `done` are finished.

    `plan` holds the list `pieces`, and what else is needed to read them. `cut`: only events stored before it are
    judged. `pending` are the findings of a piece that was begun, as bytes.
    `origin` is `asked` or `changed` (a rule is new or has changed), `state` `running` or `done`.
    """

    id: str
    key: str
    origin: str
    rules: Rules
    begin: datetime | None
    end: datetime | None
    cut: datetime
    plan: Mapping[str, Any]
    created: datetime
    done: int = 0
    pending: bytes | None = None
    events: int = 0
    findings: int = 0
    alerts: int = 0
    state: str = "running"


class HuntDesk:
    """Reads and writes the hunts of a state; `write` and `read` give a connection in a transaction of its own."""

    def __init__(self, write: Connect, read: Connect, clock: Clock) -> None:
        self._write = write
        self._read = read
        self._clock = clock

    def begin(self, key: str, origin: str, rules: Rules, span: tuple[datetime | None, datetime | None]) -> Hunt:
        """Write a new hunt down; its plan comes with `lay_out`."""
        now = self._clock()
        hunt = Hunt(uuid.uuid4().hex, key, origin, dict(rules), span[0], span[1], now, {}, now)
        with self._write() as connection:
            last = connection.execute(select(func.max(HUNTS.c.number))).scalar()
            told = {name: getattr(hunt, name) for name in _NAMES}
            connection.execute(HUNTS.insert().values(**told | {"number": (last or 0) + 1, "updated": now}))
        return hunt

    def lay_out(self, hunt_id: str, cut: datetime, plan: Mapping[str, Any]) -> None:
        """Keep the pieces of a hunt."""
        self._change(hunt_id, cut=cut, plan=dict(plan))

    def write_down(self, hunt_id: str, findings: bytes) -> None:
        """Keep the findings of the next piece, durably, before they are stored."""
        self._change(hunt_id, pending=findings)

    def end(self, hunt_id: str) -> None:
        """Mark a hunt done."""
        self._change(hunt_id, state="done")

    def unfinished(self, origin: str | None = None) -> list[Hunt]:
        """Return hunts that were begun and are not done, oldest first."""
        query = _ALL.where(HUNTS.c.state == "running").order_by(HUNTS.c.number)
        return self._hunts(query if origin is None else query.where(HUNTS.c.origin == origin))

    def latest(self, limit: int) -> list[Hunt]:
        """Return the latest hunts, newest first."""
        return self._hunts(_ALL.order_by(HUNTS.c.number.desc()).limit(limit))

    def seen_rules(self) -> dict[str, str]:
        """Return the rules that live work or an import has judged with, as they were then."""
        with self._read() as connection:
            return {row.rule_id: row.hash for row in connection.execute(select(RULES_SEEN))}

    def see_rules(self, rules: Rules) -> None:
        """Note that these and no other rules judge what comes from now on."""
        rows = [{"rule_id": rule_id, "hash": content} for rule_id, content in rules.items()]
        with self._write() as connection:
            connection.execute(delete(RULES_SEEN))
            for begin in range(0, len(rows), _ROWS_AT_ONCE):
                connection.execute(RULES_SEEN.insert(), rows[begin : begin + _ROWS_AT_ONCE])

    def under_way(self) -> list[datetime]:
        """Return the instants of creation of all batches that are being stored at this moment."""
        with self._read() as connection:
            live = connection.execute(select(LIVE_BATCHES.c.created)).scalars().all()
            files = connection.execute(select(BATCHES.c.created).where(BATCHES.c.state == "pending")).scalars().all()
        return sorted({*live, *files})

    def _change(self, hunt_id: str, **values: Any) -> None:
        with self._write() as connection:
            connection.execute(update(HUNTS).where(HUNTS.c.id == hunt_id).values(updated=self._clock(), **values))

    def _hunts(self, query: Select[Any]) -> list[Hunt]:
        with self._read() as connection:
            return [_hunt(row) for row in connection.execute(query)]


def finish(connection: Connection, hunt_id: str, counts: tuple[int, int, int], now: datetime) -> None:
    """Mark the next piece of a hunt done; `counts` are the events, findings and alerts it gave."""
    events, findings, alerts = counts
    connection.execute(
        update(HUNTS)
        .where(HUNTS.c.id == hunt_id)
        .values(
            done=HUNTS.c.done + 1,
            pending=None,
            events=HUNTS.c.events + events,
            findings=HUNTS.c.findings + findings,
            alerts=HUNTS.c.alerts + alerts,
            updated=now,
        )
    )


_NAMES: Final = tuple(Hunt.__dataclass_fields__)
_ALL: Final = select(*(HUNTS.c[name] for name in _NAMES))


def _hunt(row: Row[Any]) -> Hunt:
    return Hunt(**row._asdict())
