"""Batches that were read → judged, stored and alerted on, each exactly once.

The order that makes it so: the batch is written to a journal (by the caller); its rows are inserted with the batch's
token; alerts and the place reached are committed in one transaction. After a crash the journalled batch is read again
unchanged, and the store takes of its rows what it does not have.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

import polars as pl

from miharu.core.columns import EVENT_ID, RECORD_ROW
from miharu.pipeline.alerting import write_alerts
from miharu.pipeline.overlays import Overlays, events_in, visible
from miharu.pipeline.reading import ReadBatch, rows_per_path
from miharu.pipeline.wiring import Lake
from miharu.respond import Session, Target, sessions
from miharu.store import Transaction

_IN_FLIGHT = 2
"""Batches being stored while the next one is read."""

Step: TypeAlias = Callable[[str], None]
Judge: TypeAlias = Callable[[pl.DataFrame], pl.DataFrame]
"""A batch → its findings."""


@dataclass(frozen=True, slots=True)
class Landed:
    """A batch that is stored: its events by path (without those known before), findings, and the alerts it opened."""

    events: Mapping[str, int]
    findings: int
    alerts: int


@dataclass(frozen=True, slots=True)
class Landing:
    """A batch to store. `created` is the instant its events count as created.

    `again`: parts of it may be stored already. `natural`: its records may have come before by another way, with the
    same ids. `finish` marks it done in the transaction that writes its alerts; `landed` is told afterwards.
    """

    token: str
    created: datetime
    read: ReadBatch
    finish: Callable[[Transaction], None]
    landed: Callable[[Landed], None]
    again: bool = False
    natural: bool = False


@dataclass(frozen=True, slots=True)
class _Flight:
    """What is left to do for a batch that was handed to the store; its frames are not held any longer than there."""

    inserts: Sequence[Future[None]]
    found: Sequence[Session]
    events: Mapping[str, int]
    findings: int
    finish: Callable[[Transaction], None]
    landed: Callable[[Landed], None]


class Runway:
    """Lands batches one after the other; a few are being stored while the caller reads the next.

    `step` is told each step reached (`stored`, `committed`), for tests that stop there; `targets` are told of alerts.
    """

    def __init__(self, lake: Lake, gap: timedelta, step: Step, targets: Sequence[Target] = ()) -> None:
        self._lake = lake
        self._gap = gap
        self._step = step
        self._targets = targets
        self._overlays = Overlays(lake.state)
        self._flights: deque[_Flight] = deque()

    def take(self, landing: Landing, judge: Judge) -> None:
        """Judge a batch and hand it to the store; settle the oldest one if too many are on their way."""
        events = self._without_known(landing) if landing.natural else landing.read.events
        findings = self._overlays.apply(judge(events), events_in(events))
        store, token, again = self._lake.store, landing.token, landing.again
        inserts = [
            store.insert_later("events", events.drop(RECORD_ROW), token, again=again),
            store.insert_later("findings", findings, token, again=again),
            store.insert_later("rejects", landing.read.rejects.drop(RECORD_ROW), token, again=again),
        ]
        found = sessions(visible(findings), self._gap)
        self._flights.append(
            _Flight(inserts, found, rows_per_path(events), findings.height, landing.finish, landing.landed)
        )
        while len(self._flights) > _IN_FLIGHT:
            self._settle()

    @contextmanager
    def settling(self) -> Iterator[None]:
        """Finish properly whatever was handed to the store, also when the reader failed or was interrupted."""
        try:
            yield
        finally:
            self.settle_all()

    def settle_all(self) -> None:
        """Wait until everything taken is stored and committed."""
        while self._flights:
            self._settle()

    def settle_done(self) -> None:
        """Commit what the store has answered for already, without waiting."""
        while self._flights and all(insert.done() for insert in self._flights[0].inserts):
            self._settle()

    def _without_known(self, landing: Landing) -> pl.DataFrame:
        """Leave out events that came before another way.

        Rows that an earlier try of this very batch stored stay: its token keeps them from being doubled.
        """
        events = landing.read.events
        if events.is_empty():
            return events
        for flight in self._flights:
            for insert in flight.inserts:
                insert.result()
        single = events.unique(EVENT_ID, keep="first", maintain_order=True)
        known = self._lake.store.existing(single, other_than=landing.created)
        return single.filter(~pl.col(EVENT_ID).is_in(list(known))) if known else single

    def _settle(self) -> None:
        flight = self._flights.popleft()
        for insert in flight.inserts:
            insert.result()
        self._step("stored")
        with self._lake.state.transaction() as transaction:
            opened = write_alerts(transaction, flight.found, self._gap, self._targets)
            flight.finish(transaction)
        self._step("committed")
        flight.landed(Landed(flight.events, flight.findings, opened))
