"""Notices in the outbox that are due → messages, sent until they arrive or are given up.

A notice is written in the transaction that writes its alert, so none is lost and none is queued twice. A message whose
sending was cut off between the receiver's answer and our note of it goes again, under the same id: that is all a
sender can promise, and receivers tell the two apart by that id.
"""

from __future__ import annotations

import secrets
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Final, TypeAlias

import structlog

from miharu.core.clock import Clock, system_clock
from miharu.respond import DeliveryError, Target, deliver
from miharu.store import Delivery, State, Terms

Sender: TypeAlias = Callable[[Target, Delivery], None]

FIRST_PAUSE: Final = timedelta(seconds=1)
LONGEST_PAUSE: Final = timedelta(minutes=15)
GIVEN_UP_AFTER: Final = timedelta(hours=48)
SENT_KEPT: Final = timedelta(days=30)

_LEASE: Final = timedelta(seconds=30)
_TARGET_PAUSE: Final = timedelta(minutes=1)
"""A receiver that failed is left alone at most this long when other messages wait for it."""
_TIDY_EVERY: Final = timedelta(hours=1)
_POLL_SECONDS: Final = 0.5
_DOUBLINGS: Final = 20
_SPREAD: Final = 0.25

_log = structlog.get_logger()


def pause_after(attempts: int) -> timedelta:
    """Return how long to wait after that many failed attempts: doubling, and spread so that not all come at once."""
    spread = 1 + _SPREAD * (2 * secrets.randbelow(1_000_001) / 1_000_000 - 1)
    pause = FIRST_PAUSE * float(2 ** min(attempts - 1, _DOUBLINGS)) * spread
    return max(FIRST_PAUSE, min(pause, LONGEST_PAUSE))


class Courier:
    """Sends what is due in the outbox of a state; several couriers may serve one outbox.

    `tally` counts `sent_messages` and `failed_attempts`; `troubles` holds the last error of each target that fails.
    """

    def __init__(
        self,
        state: State,
        targets: Sequence[Target],
        clock: Clock = system_clock,
        sender: Sender = deliver,
        lease: timedelta = _LEASE,
    ) -> None:
        self.tally: Counter[str] = Counter()
        self.troubles: dict[str, str] = {}
        self._state = state
        self._targets = {target.name: target for target in targets}
        self._clock = clock
        self._sender = sender
        self._lease = lease
        self._holder = secrets.token_hex(16)
        self._pauses: dict[str, datetime] = {}
        self._lock = threading.Lock()
        self._renewed = self._tidied = datetime.min.replace(tzinfo=clock().tzinfo)

    def run_once(self) -> int:
        """Send what can be sent now, one target after the other; return how many messages arrived."""
        never = threading.Event()
        return sum(self._drain(target, never) for target in self._due())

    def run(self, stop: threading.Event) -> None:
        """Send until told to stop, to each target in a thread of its own, so that a slow one delays no other.

        What is being sent when told to stop is brought to its end. Raises StateError where the state fails.
        """
        busy: dict[str, Future[int]] = {}
        with ThreadPoolExecutor(max(1, len(self._targets)), thread_name_prefix="miharu-courier") as pool:
            try:
                while not stop.is_set():
                    self._tend(under_way=bool(busy))
                    for target in self._due():
                        if target.name not in busy:
                            busy[target.name] = pool.submit(self._drain, target, stop)
                    stop.wait(_POLL_SECONDS)
                    for name in [name for name, future in busy.items() if future.done()]:
                        busy.pop(name).result()
            finally:
                stop.set()
        for future in busy.values():
            future.result()

    def _due(self) -> list[Target]:
        now = self._clock()
        names = self._state.due_targets(now)
        return [self._targets[name] for name in names if name in self._targets and not self._paused(name, now)]

    def _paused(self, name: str, now: datetime) -> bool:
        return name in self._pauses and now < self._pauses[name]

    def _tend(self, *, under_way: bool) -> None:
        now = self._clock()
        if under_way and now - self._renewed > self._lease / 4:
            self._renewed = now
            self._state.renew_leases(self._holder, now + self._lease)
        if now - self._tidied > _TIDY_EVERY:
            self._tidied = now
            self._state.forget_sent_notices(now - SENT_KEPT)

    def _drain(self, target: Target, stop: threading.Event) -> int:
        terms = Terms(self._holder, self._lease, target.per_minute, target.group, target.group_above)
        sent = 0
        while not stop.is_set():
            now = self._clock()
            if self._paused(target.name, now):
                break
            delivery = self._state.take_delivery(target.name, now, terms)
            if delivery is None:
                break
            sent += self._send(target, delivery)
        return sent

    def _send(self, target: Target, delivery: Delivery) -> bool:
        try:
            self._sender(target, delivery)
        except DeliveryError as error:
            self._not_taken(target, delivery, error)
            return False
        self._state.settle_delivery(delivery.id, self._holder, self._clock())
        self._count("sent_messages")
        self.troubles.pop(target.name, None)
        return True

    def _not_taken(self, target: Target, delivery: Delivery, error: DeliveryError) -> None:
        now = self._clock()
        pause = max(pause_after(delivery.attempts), timedelta(seconds=error.retry_after or 0))
        later: datetime | str = now + pause
        if error.permanent:
            later = "failed"
        elif now - delivery.queued >= GIVEN_UP_AFTER:
            later = "dead"
        self._state.put_back_delivery(delivery.id, self._holder, error.text, later)
        if not error.permanent:
            asked = timedelta(seconds=error.retry_after or 0)
            self._pauses[target.name] = now + max(asked, min(pause, _TARGET_PAUSE))
        self._count("failed_attempts")
        self.troubles[target.name] = error.text
        _log.warning(
            "message not delivered",
            action="notification-failed",
            target=target.name,
            delivery=delivery.id,
            attempts=delivery.attempts,
            outcome=later if isinstance(later, str) else "tried-again",
            error=error.text,
        )

    def _count(self, name: str) -> None:
        with self._lock:
            self.tally[name] += 1
