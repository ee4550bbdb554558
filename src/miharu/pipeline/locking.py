"""A data folder → the right to import into it, or to hunt through it, for one process at a time."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from miharu.core.errors import OperatorError

_PLACES: Final = {"import": "into", "hunt": "through"}


@contextmanager
def one_at_a_time(data: Path, what: str = "import") -> Iterator[None]:
    """Hold the folder's lock for `what`; the system lets go of it however the process ends.

    Raises OperatorError where another process holds it.
    """
    with (data / f"{what}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            msg = f"another {what} {_PLACES[what]} {data} is running; wait until it has ended"
            raise OperatorError(msg) from error
        yield
