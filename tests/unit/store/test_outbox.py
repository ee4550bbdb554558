"""The outbox: queued once with its alert, taken by one, grouped in a storm, kept within a rate, given back or ended."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from miharu.core.alert import Alert
from miharu.store import Delivery, Notice, State, Terms

START = datetime(2026, 5, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
TERMS = Terms("one", lease=30 * SECOND, per_minute=30, group=10 * SECOND, group_above=5)


class HandClock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def state(tmp_path: Path, clock: HandClock) -> Iterator[State]:
    with State.open(tmp_path, clock=clock) as opened:
        yield opened


def notice(number: int, target: str = "ops", kind: str = "opened") -> Notice:
    return Notice(target, f"{number:032x}", kind, {"number": number})


def queue(state: State, *notices: Notice) -> None:
    with state.transaction() as transaction:
        transaction.enqueue(notices)


def numbers(delivery: Delivery | None) -> list[int]:
    return sorted(body["number"] for body in delivery.bodies) if delivery else []


def total(state: State) -> dict[str, int]:
    found: Counter[str] = Counter()
    for count in state.outbox_counts():
        found[count.state] += count.notices
    return dict(found)


def test_a_notice_is_queued_once_for_each_target_alert_and_kind(state, clock):
    all_of_them = [notice(1), notice(1, "chat"), notice(1, kind="raised:high"), notice(2)]
    queue(state, *all_of_them, *all_of_them)
    assert total(state) == {"waiting": 4}
    taken = state.take_delivery("chat", clock.now, TERMS)
    state.settle_delivery(taken.id, "one", clock.now)
    queue(state, notice(1, "chat"))
    assert state.due_targets(clock.now) == ["ops"]


def test_notices_and_alerts_are_one_matter(state):
    alert = Alert("a" * 32, "r1", "Rule", "high", "{}", START, START, "f" * 32, 1)
    with pytest.raises(ZeroDivisionError):
        write_and_fail(state, alert)
    assert state.list_alerts() == []
    assert state.outbox_counts() == []


def write_and_fail(state: State, alert: Alert) -> None:
    with state.transaction() as transaction:
        transaction.upsert_alerts([alert])
        transaction.enqueue([notice(1)])
        raise ZeroDivisionError


def test_what_is_taken_is_nobody_elses_until_its_lease_ends_and_keeps_its_id(state, clock):
    queue(state, notice(1))
    first = state.take_delivery("ops", clock.now, TERMS)
    other = replace(TERMS, holder="two")
    clock.now += 20 * SECOND
    assert state.due_targets(clock.now) == []
    assert state.take_delivery("ops", clock.now, other) is None
    state.renew_leases("one", clock.now + 30 * SECOND)
    clock.now += 29 * SECOND
    assert state.take_delivery("ops", clock.now, other) is None
    clock.now += SECOND
    second = state.take_delivery("ops", clock.now, other)
    assert (second.id, second.bodies, second.attempts) == (first.id, first.bodies, 2)
    state.settle_delivery(first.id, "one", clock.now)
    assert total(state) == {"waiting": 1}, "the first one lost its lease and may say nothing any more"
    state.settle_delivery(second.id, "two", clock.now)
    assert total(state) == {"sent": 1}


def test_a_few_go_one_by_one_and_many_together(state, clock):
    queue(state, *map(notice, range(5)))
    singles = [state.take_delivery("ops", clock.now, TERMS) for _ in range(5)]
    assert sorted(number for each in singles for number in numbers(each)) == [0, 1, 2, 3, 4]
    assert len({each.id for each in singles}) == 5
    for each in singles:
        state.settle_delivery(each.id, "one", clock.now)
    clock.now += 60 * SECOND
    queue(state, *map(notice, range(10, 210)))
    assert numbers(state.take_delivery("ops", clock.now, TERMS)) == list(range(10, 210))


def test_in_a_storm_later_notices_wait_until_the_oldest_has_waited_long_enough(state, clock):
    for number in range(8):
        queue(state, notice(number))
        clock.now += SECOND
        taken = state.take_delivery("ops", clock.now, TERMS)
        assert numbers(taken) == ([number] if number < 5 else [])
    clock.now += 7 * SECOND
    assert state.take_delivery("ops", clock.now - timedelta(microseconds=1), TERMS) is None
    assert numbers(state.take_delivery("ops", clock.now, TERMS)) == [5, 6, 7]


def test_a_group_that_failed_goes_again_with_the_same_members(state, clock):
    queue(state, *map(notice, range(7)))
    first = state.take_delivery("ops", clock.now, TERMS)
    state.put_back_delivery(first.id, "one", "busy", clock.now + 4 * SECOND)
    queue(state, notice(8))
    clock.now += 3 * SECOND
    clock_later = clock.now + 20 * SECOND
    assert state.take_delivery("ops", clock.now, TERMS) is None
    second = state.take_delivery("ops", clock_later, TERMS)
    assert (second.id, second.bodies, second.attempts) == (first.id, first.bodies, 2)
    assert [count.last_error for count in state.outbox_counts()] == ["busy"]


def test_no_more_messages_begin_in_a_minute_than_a_target_bears(state, clock):
    alone = replace(TERMS, per_minute=3, group_above=100)
    queue(state, *map(notice, range(5)), notice(9, "chat"))
    for _ in range(3):
        assert state.take_delivery("ops", clock.now, alone)
        clock.now += SECOND
    assert state.take_delivery("ops", clock.now, alone) is None
    assert state.take_delivery("chat", clock.now, alone), "another target has a measure of its own"
    clock.now = START + timedelta(minutes=1)
    assert state.take_delivery("ops", clock.now, alone)
    assert state.take_delivery("ops", clock.now, alone) is None


def test_what_failed_or_was_given_up_can_be_queued_again(state, clock):
    queue(state, notice(1), notice(2), notice(3, "chat"))
    for target, end in (("ops", "failed"), ("ops", "dead"), ("chat", "dead")):
        taken = state.take_delivery(target, clock.now, TERMS)
        state.put_back_delivery(taken.id, "one", "no", end)
    assert total(state) == {"failed": 1, "dead": 2}
    clock.now += timedelta(days=3)
    assert state.due_targets(clock.now) == []
    assert state.revive_notices("ops") == 2
    assert state.revive_notices() == 1
    again = state.take_delivery("chat", clock.now, TERMS)
    assert (again.attempts, again.queued) == (1, clock.now)


def test_sent_ones_are_forgotten_in_time_and_others_never(state, clock):
    queue(state, notice(1), notice(2))
    taken = state.take_delivery("ops", clock.now, TERMS)
    state.settle_delivery(taken.id, "one", clock.now)
    state.forget_sent_notices(clock.now)
    assert total(state) == {"sent": 1, "waiting": 1}
    state.forget_sent_notices(clock.now + SECOND)
    assert total(state) == {"waiting": 1}


def test_takers_at_once_never_take_the_same(tmp_path, clock):
    alone = replace(TERMS, per_minute=1000, group_above=1000)
    taken: list[list[int]] = []

    def take_all(holder: str) -> None:
        with State.open(tmp_path, clock=clock) as own:
            while delivery := own.take_delivery("ops", clock.now, replace(alone, holder=holder)):
                taken.append(numbers(delivery))

    with State.open(tmp_path, clock=clock) as state:
        queue(state, *map(notice, range(60)))
    threads = [threading.Thread(target=take_all, args=(f"h{number}",)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [[number] for number in range(60)]
