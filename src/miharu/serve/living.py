"""What every part does to live and to end: it says how it is, and ends when it is told to or is left alone."""

from __future__ import annotations

import os
import signal
import sys
import threading
from datetime import UTC, datetime

from miharu.core.vitals import Vitals


def stop_event() -> threading.Event:
    """Return an event that is set by SIGTERM and SIGINT, or when the supervisor is gone (stdin ends)."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 65536):
            pass
        stop.set()

    threading.Thread(target=watch, name="miharu-supervisor-gone", daemon=True).start()
    return stop


def vitals_now(part: str, state: str, trouble: str = "") -> Vitals:
    """Return vitals of this process without any figures."""
    return Vitals(part, os.getpid(), datetime.now(UTC), state, trouble)
