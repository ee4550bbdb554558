"""What operators say about rules, kept apart from them: off or on, another level, exceptions.

A rule is named by its id, so that what was said stays when the rule's file is replaced. Nothing is deleted: what is
taken back stays as a row that says so. Each change gets the next revision; whoever applies overlays compares it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, func, select, update

from miharu.core.clock import Clock
from miharu.core.errors import OperatorError
from miharu.core.finding import LEVELS
from miharu.store.state_tables import RULE_EXCEPTIONS, RULE_OVERLAYS
from miharu.store.upserts import upsert

Connect: TypeAlias = Callable[[], AbstractContextManager[Connection]]


@dataclass(frozen=True, slots=True)
class RuleOverlay:
    """What holds for one rule: whether it is on, and the level of its findings (None: its own)."""

    rule_id: str
    enabled: bool = True
    level: str | None = None
    who: str = ""


@dataclass(frozen=True, slots=True)
class RuleException:
    """A condition on events under which a rule's findings raise no alert, until an instant (None: without end).

    `condition` is as it was written, `detection` the same in Sigma's form, `fields` the columns of its field names;
    `ended` is when somebody took it back.
    """

    id: str
    rule_id: str
    name: str
    condition: str
    detection: Mapping[str, Any]
    fields: Mapping[str, Any]
    until: datetime | None
    reason: str
    who: str
    created: datetime
    ended: datetime | None = None

    def holds_at(self, now: datetime) -> bool:
        """Say whether it hides what is judged at an instant."""
        return self.ended is None and (self.until is None or now < self.until)


@dataclass(frozen=True, slots=True)
class OverlayBook:
    """All overlays at one revision: of rules by id, and exceptions by age."""

    revision: int = 0
    rules: Mapping[str, RuleOverlay] = field(default_factory=dict)
    exceptions: tuple[RuleException, ...] = ()


_NAMES: Final = tuple(each.name for each in fields(RuleException))


class OverlayDesk:
    """Reads and writes the overlays of a state; `write` and `read` give a connection in a transaction of its own."""

    def __init__(self, write: Connect, read: Connect, clock: Clock) -> None:
        self._write = write
        self._read = read
        self._clock = clock

    def revision(self) -> int:
        """Return the revision of the last change; 0 where there was none."""
        with self._read() as connection:
            return _revision(connection)

    def book(self) -> OverlayBook:
        """Return everything that was said, also what was taken back or has run out."""
        with self._read() as connection:
            rules = {
                row.rule_id: RuleOverlay(row.rule_id, row.enabled, row.level, row.who)
                for row in connection.execute(select(RULE_OVERLAYS).order_by(RULE_OVERLAYS.c.rule_id))
            }
            return OverlayBook(_revision(connection), rules, tuple(_exceptions(connection)))

    def set_enabled(self, rule_id: str, who: str, *, enabled: bool) -> bool:
        """Turn a rule on or off; say whether that changed anything."""
        with self._write() as connection:
            known = _overlay(connection, rule_id)
            if known.enabled == enabled:
                return False
            self._put(connection, RuleOverlay(rule_id, enabled, known.level, who))
            return True

    def set_level(self, rule_id: str, level: str | None, who: str) -> None:
        """Give a rule's findings another level, or with None its own again. Raises OperatorError for no level."""
        if level is not None and level not in LEVELS:
            message = f"{level!r} is no level; choose one of {', '.join(LEVELS)}"
            raise OperatorError(message)
        with self._write() as connection:
            self._put(connection, RuleOverlay(rule_id, _overlay(connection, rule_id).enabled, level, who))

    def add_exception(self, exception: RuleException) -> RuleException:
        """Keep an exception, whose id and age are given here.

        Raises OperatorError where the rule has one of this name that was not taken back.
        """
        with self._write() as connection:
            for known in _exceptions(connection):
                if known.ended is None and (known.rule_id, known.name) == (exception.rule_id, exception.name):
                    message = f"the rule has an exception {known.name!r} already; end it, or give this one another name"
                    raise OperatorError(message)
            told = {name: getattr(exception, name) for name in _NAMES}
            told |= {"id": uuid.uuid4().hex, "created": self._clock(), "ended": None}
            connection.execute(RULE_EXCEPTIONS.insert().values(**told, revision=_revision(connection) + 1))
            return RuleException(**told)

    def end_exception(self, named: str) -> RuleException:
        """Take back the exception whose id begins with, or whose name is, `named`. Raises OperatorError if not one."""
        with self._write() as connection:
            open_ = [each for each in _exceptions(connection) if each.ended is None]
            found = [each for each in open_ if each.id.startswith(named) or each.name == named]
            if len(found) != 1:
                several = ", ".join(f"{each.id[:8]} ({each.name})" for each in found or open_)
                what = "several exceptions are" if found else "no exception is"
                message = f"{what} named {named!r}; there are: {several or 'none'}"
                raise OperatorError(message)
            changes = {"ended": self._clock(), "revision": _revision(connection) + 1}
            connection.execute(update(RULE_EXCEPTIONS).where(RULE_EXCEPTIONS.c.id == found[0].id).values(**changes))
            return found[0]

    def _put(self, connection: Connection, overlay: RuleOverlay) -> None:
        row = {name: getattr(overlay, name) for name in ("rule_id", "enabled", "level", "who")}
        row |= {"updated": self._clock(), "revision": _revision(connection) + 1}
        upsert(connection, RULE_OVERLAYS, [row], tuple(name for name in row if name != "rule_id"))


def _revision(connection: Connection) -> int:
    tables = (RULE_OVERLAYS, RULE_EXCEPTIONS)
    return max(connection.execute(select(func.max(table.c.revision))).scalar() or 0 for table in tables)


def _overlay(connection: Connection, rule_id: str) -> RuleOverlay:
    row = connection.execute(select(RULE_OVERLAYS).where(RULE_OVERLAYS.c.rule_id == rule_id)).one_or_none()
    return RuleOverlay(rule_id) if row is None else RuleOverlay(rule_id, row.enabled, row.level, row.who)


def _exceptions(connection: Connection) -> list[RuleException]:
    columns = [RULE_EXCEPTIONS.c[name] for name in _NAMES]
    rows = connection.execute(select(*columns).order_by(RULE_EXCEPTIONS.c.created, RULE_EXCEPTIONS.c.id))
    return [RuleException(**row._asdict()) for row in rows]
