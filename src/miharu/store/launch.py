"""A data folder → a connection to its store process, which is started if none answers.

Several clients may start one at the same time: the lock lets one process live, the others leave at once, and every
client connects to the one that lives. A process that is just ending gives way to the next attempt.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from miharu.core.settings import Settings
from miharu.store import wire
from miharu.store.errors import StoreError, StoreLostError
from miharu.store.places import EXIT_TAKEN, Places

GRACE_SECONDS: Final = 3.0
"""How long a process that was started lives on without a client."""
_START_SECONDS: Final = 60.0
_HELLO_SECONDS: Final = 20.0
_PAUSE_SECONDS: Final = 0.02
_LOG_TAIL: Final = 1500
_ENVIRONMENT: Final = {
    # glibc: keep memory between batches. Giving it back and taking it anew costs more than the insert itself.
    "MALLOC_MMAP_THRESHOLD_": "268435456",
    "MALLOC_TRIM_THRESHOLD_": "536870912",
    "MALLOC_TOP_PAD_": "67108864",
    "MALLOC_ARENA_MAX": "2",
    # NumPy comes with the engine; its threads for linear algebra would wait for work, busily, in vain.
    "OPENBLAS_NUM_THREADS": "1",
}


@dataclass(frozen=True, slots=True)
class Link:
    """A connection that was greeted: what the process said about itself."""

    socket: socket.socket
    pid: int
    partition: str


def connect(places: Places, settings: Settings, grace: float) -> Link:
    """Return a connection to the live store process of a folder, starting one where there is none.

    Raises StoreError where the process cannot start (its last words are in the text) or does not answer in time.
    """
    deadline = time.monotonic() + _START_SECONDS
    started: subprocess.Popen[bytes] | None = None
    while time.monotonic() < deadline:
        link = greet(places)
        if link is not None:
            return link
        if started is None or started.poll() is not None:
            if started is not None and started.returncode != EXIT_TAKEN:
                raise StoreError(_failure(places, started.returncode))
            started = _start(places, settings, grace)
        time.sleep(_PAUSE_SECONDS)
    message = f"the store process of {places.data} does not answer; see {places.log}"
    raise StoreLostError(message)


def wake(data: Path, settings: Settings, grace: float = GRACE_SECONDS) -> socket.socket:
    """Return a connection that does nothing but keep the store process of a folder alive, starting one if none runs.

    Raises StoreError where the process cannot start.
    """
    return connect(Places(data), settings, grace).socket


def greet(places: Places) -> Link | None:
    """Return a connection to the live store process, or None where none answers for this folder."""
    try:
        connection = places.connect(_HELLO_SECONDS)
    except OSError:
        return None
    try:
        connection.settimeout(_HELLO_SECONDS)
        wire.send(connection, {"op": "hello"})
        answer = wire.receive(connection)
        connection.settimeout(None)
    except OSError:
        connection.close()
        return None
    # A copied folder holds the address of the other one's process.
    if answer is None or answer.header.get("data") != str(places.data):
        connection.close()
        return None
    words: dict[str, Any] = answer.header
    return Link(connection, int(words["pid"]), str(words["partition"]))


def _start(places: Places, settings: Settings, grace: float) -> subprocess.Popen[bytes]:
    places.data.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable,
        "-m",
        "miharu.store.process",
        str(places.data),
        f"--memory={settings.store_memory_bytes}",
        f"--partition={settings.partition}",
        f"--grace={grace}",
    ]
    with places.log.open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - our own module and settings
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=places.data,
            # Its own session: Ctrl-C at the terminal ends the command, not the store of others.
            start_new_session=True,
            env={**_ENVIRONMENT, **os.environ, "PYTHONUNBUFFERED": "1"},
        )
    # It may outlive us; while it does not, somebody has to take its exit code.
    threading.Thread(target=process.wait, name="miharu-store-exit", daemon=True).start()
    return process


def _failure(places: Places, code: int) -> str:
    tail = places.log.read_bytes()[-_LOG_TAIL:].decode("utf-8", "replace").strip()
    last = tail.splitlines()[-1] if tail else "it said nothing"
    return f"the store process of {places.data} could not start (exit code {code}): {last}; see {places.log}"
