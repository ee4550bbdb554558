"""A data folder → the right to import into it, for one process at a time."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from miharu.core.errors import OperatorError


@contextmanager
def one_at_a_time(data: Path) -> Iterator[None]:
    """Hold the folder's import lock; the system lets go of it however the process ends.

    Raises OperatorError where another process holds it.
    """
    with (data / "import.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            msg = f"another import into {data} is running; wait until it has ended"
            raise OperatorError(msg) from error
        yield
