"""The courier as the supervisor starts it: settings on stdin, vitals in the data folder, an orderly end."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from miharu.core.settings import Settings
from miharu.pipeline import read_vitals
from miharu.store import State
from tests.unit.respond.notify_receiver import Answer, Receiver, notice, queue, total, wait_until

End = Callable[[subprocess.Popen[bytes]], None]


def by_signal(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)


def by_stdin(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()


@pytest.mark.parametrize("end", [by_signal, by_stdin])
def test_it_sends_says_how_it_is_and_ends_when_told(tmp_path: Path, end: End):
    with State.open(tmp_path) as state, Receiver([Answer(503), Answer(404)]) as receiver:
        entry = {"name": "ops", "kind": "webhook", "url": receiver.url, "group_above": 100}
        settings = Settings(data=tmp_path, notify=(entry,))
        queue(state, *map(notice, range(3)))
        command = [sys.executable, "-m", "miharu.serve.part", "courier"]
        with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
            try:
                process.stdin.write(settings.model_dump_json().encode() + b"\n")
                process.stdin.flush()
                wait_until(lambda: process.poll() is not None or "waiting" not in total(state))
                assert total(state) == {"sent": 2, "failed": 1}
                end(process)
                assert process.wait(60) == 0
            finally:
                process.kill()
    vitals = read_vitals(tmp_path)["courier"]
    assert (vitals.state, vitals.pid) == ("stopped", process.pid)
    assert vitals.counters == {"sent_messages": 2, "failed_attempts": 2}
    assert vitals.gauges == {"waiting_notices": 0, "failed_notices": 1, "dead_notices": 0}
