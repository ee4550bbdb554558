"""A courier in a process of its own: `python -m tests.unit.respond.notify_child DATA URL`, until it is killed."""

from __future__ import annotations

import signal
import sys
import threading
from datetime import timedelta
from pathlib import Path

from miharu.pipeline import Courier
from miharu.store import State
from tests.unit.respond.notify_receiver import target


def main(data: str, url: str) -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with State.open(Path(data)) as state:
        to = target(url, per_minute=6000, group_above=1000)
        Courier(state, [to], lease=timedelta(seconds=1)).run(stop)


if __name__ == "__main__":
    main(*sys.argv[1:])
