"""The courier sends each notice once, tries again what may pass, gives up in time, and gathers a storm."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from miharu.pipeline import Courier
from miharu.pipeline.notifying import FIRST_PAUSE, LONGEST_PAUSE, pause_after
from miharu.respond import DeliveryError, Target
from miharu.store import Delivery, State
from tests.unit.respond.notify_receiver import (
    SECRET,
    START,
    Answer,
    Receiver,
    notice,
    queue,
    signature,
    target,
    total,
    wait_until,
)

MINUTE = timedelta(minutes=1)


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


def ids(*numbers: int) -> list[str]:
    return [f"{number:032x}" for number in numbers]


def test_each_alert_is_sent_exactly_once_signed_and_noted(state, clock):
    queue(state, *map(notice, range(12)))
    with Receiver() as receiver:
        courier = Courier(state, [target(receiver.url, secret=SECRET, group_above=100)], clock)
        assert courier.run_once() == 12
        assert courier.run_once() == 0
    assert sorted(receiver.alerts) == ids(*range(12))
    assert len(set(receiver.deliveries)) == 12
    assert all(request.headers["x-miharu-signature"] == signature(SECRET, request) for request in receiver.requests)
    assert total(state) == {"sent": 12}
    assert courier.tally == {"sent_messages": 12}


def test_a_storm_is_one_message(state, clock):
    queue(state, *(notice(number, level="critical" if number == 150 else "medium") for number in range(200)))
    with Receiver() as receiver:
        assert Courier(state, [target(receiver.url)], clock).run_once() == 1
    [request] = receiver.requests
    assert sorted(request.alerts) == ids(*range(200))
    assert request.alerts[0] == f"{150:032x}", "the worst one comes first"
    assert request.json["title"] == "[critical] 200 alerts together"
    assert "and 150 more" in request.json["text"]


def test_after_errors_it_tries_again_with_the_same_id_and_body(state, clock):
    queue(state, notice(1))
    with Receiver([Answer(500), Answer(503)]) as receiver:
        courier = Courier(state, [target(receiver.url)], clock)
        assert courier.run_once() == 0
        assert "it answered 500" in courier.troubles["ops"]
        assert courier.run_once() == 0, "not at once"
        assert len(receiver.requests) == 1
        clock.now += MINUTE
        assert courier.run_once() == 0
        clock.now += MINUTE
        assert courier.run_once() == 1
        assert courier.troubles == {}
    assert len({(request.delivery, request.body) for request in receiver.requests}) == 1
    assert len(receiver.requests) == 3
    assert courier.tally == {"sent_messages": 1, "failed_attempts": 2}


def test_the_receiver_says_when_it_wants_to_be_tried_again(state, clock):
    queue(state, notice(1), notice(2))
    with Receiver([Answer(429, (("Retry-After", "300"),))]) as receiver:
        courier = Courier(state, [target(receiver.url)], clock)
        courier.run_once()
        clock.now += timedelta(seconds=299)
        assert courier.run_once() == 0
        assert len(receiver.requests) == 1, "the other message waits, too"
        clock.now += timedelta(seconds=1)
        assert courier.run_once() == 2


def test_what_is_refused_for_good_is_not_tried_again_and_does_not_hold_up_the_rest(state, clock):
    queue(state, notice(1), notice(2))
    with Receiver([Answer(404)]) as receiver:
        courier = Courier(state, [target(receiver.url)], clock)
        assert courier.run_once() == 1
        clock.now += timedelta(days=1)
        assert courier.run_once() == 0
        assert total(state) == {"failed": 1, "sent": 1}
        assert state.revive_notices() == 1
        assert courier.run_once() == 1
    assert sorted(set(receiver.alerts)) == ids(1, 2)
    assert len(set(receiver.deliveries)) == 2
    assert total(state) == {"sent": 2}


def test_after_two_days_it_gives_up(state, clock):
    queue(state, notice(1))
    tries = 0

    def refuse(_to: Target, _delivery: Delivery) -> None:
        nonlocal tries
        tries += 1
        raise DeliveryError("busy")

    courier = Courier(state, [target("http://127.0.0.1/")], clock, refuse)
    while clock.now < START + timedelta(days=3):
        courier.run_once()
        clock.now += 5 * MINUTE
    assert total(state) == {"dead": 1}
    assert [count.last_error for count in state.outbox_counts()] == ["busy"]
    # Every quarter of an hour at the slowest, every ten minutes at the fastest, and some quick ones before.
    assert 48 * 4 <= tries <= 48 * 6 + 10


def test_pauses_grow_from_a_second_to_a_quarter_of_an_hour():
    for attempts in (1, 2, 5, 10, 11, 50, 10_000):
        pauses = [pause_after(attempts) for _ in range(50)]
        middle = min(FIRST_PAUSE * 2 ** min(attempts - 1, 20), LONGEST_PAUSE)
        assert all(0.7 * middle <= pause <= min(1.3 * middle, LONGEST_PAUSE) for pause in pauses)
        assert min(pauses) >= FIRST_PAUSE
    assert len({pause_after(5) for _ in range(50)}) > 40, "not all at the same moment"


def test_a_target_gets_no_more_messages_in_a_minute_than_it_bears(state, clock):
    queue(state, *map(notice, range(5)), notice(6, "chat"))
    with Receiver() as receiver, Receiver() as chat:
        courier = Courier(
            state, [target(receiver.url, per_minute=2, group_above=100), target(chat.url, name="chat")], clock
        )
        assert courier.run_once() == 3
        assert courier.run_once() == 0
        clock.now += MINUTE
        assert courier.run_once() == 2
        clock.now += MINUTE
        assert courier.run_once() == 1
        assert len(chat.requests) == 1
    assert sorted(receiver.alerts) == ids(*range(5))


def test_notices_to_a_target_that_is_not_configured_wait(state, clock):
    queue(state, notice(1, "gone"))
    with Receiver() as receiver:
        assert Courier(state, [target(receiver.url)], clock).run_once() == 0
        assert Courier(state, [target(receiver.url, name="gone")], clock).run_once() == 1


def test_couriers_at_once_never_send_the_same(tmp_path):
    with State.open(tmp_path) as state:
        queue(state, *map(notice, range(60)))
        with Receiver() as receiver, State.open(tmp_path) as other:
            to = target(receiver.url, per_minute=6000, group_above=1000)
            couriers = [Courier(each, [to]) for each in (state, other, state)]
            with ThreadPoolExecutor(3) as pool:
                sent = list(pool.map(Courier.run_once, couriers))
        assert sum(sent) == 60
        assert sorted(receiver.alerts) == ids(*range(60))
        assert total(state) == {"sent": 60}


def test_a_slow_target_delays_no_other_and_stopping_ends_what_was_begun(tmp_path):
    stop, go_on = threading.Event(), threading.Event()
    with State.open(tmp_path) as state, Receiver() as slow, Receiver() as quick:
        slow.hold = lambda _: go_on.wait(60)
        courier = Courier(
            state,
            [target(slow.url, name="slow", timeout_seconds=60), target(quick.url)],
            lease=timedelta(seconds=1),
        )
        queue(state, notice(1, "slow"))
        thread = threading.Thread(target=courier.run, args=(stop,))
        thread.start()
        wait_until(lambda: len(slow.requests) == 1)
        begun = datetime.now(UTC)
        queue(state, notice(3))
        wait_until(lambda: quick.alerts == ids(3))
        # The lease would have ended by now; the courier holds on to what it still sends.
        wait_until(lambda: datetime.now(UTC) - begun > timedelta(seconds=2))
        assert Courier(state, [target(slow.url, name="slow")]).run_once() == 0
        stop.set()
        go_on.set()
        thread.join()
        assert slow.alerts == ids(1)
        assert total(state) == {"sent": 2}
