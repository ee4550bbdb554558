"""A data folder → one `serve` at a time, which begins when the parts of the one before have ended.

Both are locks of the kernel, given back when a process ends, however it ends.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from miharu.core.errors import OperatorError
from miharu.core.settings import Settings

_LOOK_SECONDS: Final = 0.05


@contextmanager
def only_supervisor(settings: Settings) -> Iterator[None]:
    """Be the only `serve` of the folder. Raises OperatorError naming the process that is."""
    settings.data.mkdir(parents=True, exist_ok=True)
    with (settings.data / "serve.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            message = f"miharu serves {settings.data} already (process {lock.read().strip() or 'unknown'})"
            raise OperatorError(f"{message}; stop that one first, or give another folder with --data") from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


@contextmanager
def part_lock(settings: Settings) -> Iterator[None]:
    """Be one of the parts that run on the folder."""
    with (settings.data / "parts.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield


def wait_for_former_parts(settings: Settings, seconds: float, stopped: Callable[[], bool]) -> None:
    """Wait until no part runs. Parts outlive a supervisor that was killed by as long as they need to end well.

    Raises OperatorError where some still run after so many seconds.
    """
    deadline = time.monotonic() + seconds
    with (settings.data / "parts.lock").open("a") as lock:
        while not stopped():
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() >= deadline:
                    raise OperatorError(
                        f"parts of an earlier `miharu serve` on {settings.data} do not end; "
                        "end the processes `miharu.serve.part` that belong to it, then start again"
                    ) from error
                time.sleep(_LOOK_SECONDS)
            else:
                return
