"""Couriers killed in the middle lose nothing; what goes twice on the wire has the same id both times."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from miharu.store import State
from tests.unit.respond.notify_receiver import Receiver, Request, notice, queue, total, wait_until

ALERTS = 40
KILLED_AT = (1, 7, 20)
"""The requests whose answers the couriers do not live to see."""


@contextmanager
def courier(data: Path, url: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "tests.unit.respond.notify_child", str(data), url]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


@pytest.mark.mission("S53")
def test_every_alert_arrives_though_couriers_are_killed_in_the_middle(tmp_path: Path):
    reached, killed = threading.Semaphore(0), threading.Semaphore(0)

    def hold(_: Request) -> None:
        if len(receiver.requests) in KILLED_AT:
            reached.release()
            assert killed.acquire(timeout=60)

    with State.open(tmp_path) as state, Receiver() as receiver:
        receiver.hold = hold
        queue(state, *map(notice, range(ALERTS)))
        for _ in KILLED_AT:
            with courier(tmp_path, receiver.url) as process:
                assert reached.acquire(timeout=60)
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
            killed.release()
        with courier(tmp_path, receiver.url) as process:
            wait_until(lambda: total(state) == {"sent": ALERTS})
            process.terminate()
            assert process.wait(60) == 0
    assert len(receiver.requests) == ALERTS + len(KILLED_AT), "only what was under way went twice"
    once = {request.delivery: request for request in receiver.requests}
    assert sorted(alert for request in once.values() for alert in request.alerts) == [
        f"{number:032x}" for number in range(ALERTS)
    ]
    bodies = {(request.delivery, request.body) for request in receiver.requests}
    assert len(bodies) == ALERTS


def test_without_a_kill_each_goes_once_whoever_sends(tmp_path: Path):
    with State.open(tmp_path) as state, Receiver() as receiver:
        queue(state, *map(notice, range(ALERTS)))
        with courier(tmp_path, receiver.url), courier(tmp_path, receiver.url):
            wait_until(lambda: total(state) == {"sent": ALERTS})
    assert Counter(receiver.alerts) == Counter(f"{number:032x}" for number in range(ALERTS))
