"""A part's name → its process: started, read, ended, started again."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Final

import structlog

from miharu.core.settings import Settings

_PAUSES: Final = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds before the next start after that many falls in a row."""
_STEADY_SECONDS: Final = 30.0
"""A part that ran this long has not fallen in a row."""

_log = structlog.get_logger()

Listen = Callable[[str, bytes], None]


class Child:
    """One part of the system. Methods are for the supervisor's one thread."""

    def __init__(self, name: str, settings: Settings, listen: Listen) -> None:
        self.name = name
        self.starts = 0
        self.last_pid = 0
        self._settings = settings
        self._listen = listen
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None
        self._started = 0.0
        self._falls = 0
        self._not_before = 0.0

    @property
    def pid(self) -> int | None:
        """The process, if one runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def exit_code(self) -> int | None:
        """How the process ended, until it is started again; None while it runs or before it did."""
        return self._process.poll() if self._process is not None else None

    def start(self) -> None:
        """Start the process; what it says on stderr goes to `listen`, line by line."""
        command = [sys.executable, "-m", "miharu.serve.part", self.name]
        process = subprocess.Popen(  # noqa: S603 - our own module
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            # Ctrl-C at the terminal is for the supervisor, which ends the parts in their order.
            start_new_session=True,
        )
        assert process.stdin is not None
        assert process.stderr is not None
        with suppress(OSError):  # it is gone already: `look` will see
            process.stdin.write(self._settings.model_dump_json().encode() + b"\n")
            process.stdin.flush()
        # Only now may others `tell` it something: the settings come first.
        self._process, self._started = process, time.monotonic()
        self.last_pid = process.pid
        self.starts += 1
        self._reader = threading.Thread(target=self._read, args=(process.stderr,), daemon=True)
        self._reader.start()

    def tell(self, data: bytes) -> bool:
        """Write to the part's stdin; say whether it took it."""
        if self._process is None or self._process.stdin is None:
            return False
        try:
            self._process.stdin.write(data)
            self._process.stdin.flush()
        except (OSError, ValueError):  # it is gone, or we closed the pipe
            return False
        return True

    def look(self) -> None:
        """Start the process again if it has ended, after a pause that grows with every fall."""
        now = time.monotonic()
        if self._process is not None:
            code = self._process.poll()
            if code is None:
                return
            self._falls = 1 if now - self._started > _STEADY_SECONDS else self._falls + 1
            pause = _PAUSES[min(self._falls - 1, len(_PAUSES) - 1)]
            self._not_before = now + pause
            _log.error("part ended and starts again", action="part-ended", part=self.name, exit_code=code, pause=pause)
            self._forget()
        if now >= self._not_before:
            try:
                self.start()
            except OSError as error:  # no memory or no process to be had at this moment
                self._not_before = now + _PAUSES[-1]
                _log.error("part cannot start", action="part-failed", part=self.name, error=str(error))

    def ask_to_end(self) -> None:
        """Tell the process to finish what it has begun."""
        if self._process is not None:
            with suppress(OSError):
                self._process.terminate()

    def wait(self, seconds: float) -> bool:
        """Wait for the end; one that does not end in time is killed. Say whether it ended by itself."""
        if self._process is None:
            return True
        try:
            self._process.wait(seconds)
            ended = True
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            ended = False
        self._forget()
        return ended

    def _forget(self) -> None:
        assert self._process is not None
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()
        if self._reader is not None:
            self._reader.join(1.0)
        if self._process.stderr is not None:
            self._process.stderr.close()
        self._process = self._reader = None

    def _read(self, stream: IO[bytes]) -> None:
        with suppress(ValueError, OSError):  # closed under us when the part is forgotten
            for line in stream:
                self._listen(self.name, line.rstrip(b"\n"))
