"""Lines of all parts → `<data>/logs/miharu.log` (turned over by size), people's terminal, and the intake.

A line that is not our JSON (the last words of a crash) is wrapped into a line that is.
"""

from __future__ import annotations

import errno
import os
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import orjson

from miharu.serve.logs import EcsLine

_BYTES: Final = 16 * 1024 * 1024
_KEPT: Final = 5
_WAITING: Final = 10_000
_NAME: Final = "miharu.log"


class Journal:
    """Takes lines from any thread; `show` gets (level, part, message) of each."""

    def __init__(self, folder: Path, show: Callable[[str, str, str], None]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / _NAME
        self._show = show
        self._lock = threading.Lock()
        self._file = self._path.open("ab", buffering=0)
        self._missing = 0
        self._waiting: deque[bytes] = deque(maxlen=_WAITING)
        self._fresh = threading.Event()

    def take(self, part: str, line: bytes) -> None:
        """Write one line of a part."""
        if not line:
            return
        words = _words(line)
        if words is None:
            text = line.decode("utf-8", "replace")
            line = EcsLine(part).line("error", {"message": text}).encode()
            words = {"log.level": "error", "message": text}
        with self._lock:
            self._write(line)
        self._waiting.append(line)
        self._fresh.set()
        with suppress(OSError, ValueError):  # the terminal may be gone; the system stays
            self._show(str(words.get("log.level")), part, _spoken(words))

    def for_intake(self, seconds: float) -> bytes:
        """Return what was written since the last call, waiting up to `seconds` for something."""
        self._fresh.wait(seconds)
        self._fresh.clear()
        lines: list[bytes] = []
        while self._waiting:
            lines.append(self._waiting.popleft())
        return b"".join(line + b"\n" for line in lines)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._file.close()

    def _write(self, line: bytes) -> None:
        """Write a line to the file; what a full disk does not take is counted and told when it does again."""
        try:
            if self._missing:
                words = {"message": "lines are missing here: the disk was full", "miharu.lines": self._missing}
                self._append(EcsLine("supervisor").line("error", words).encode())
                self._missing = 0
            self._append(line)
            if self._file.tell() >= _BYTES:
                self._turn_over()
        except OSError:
            self._missing += 1

    def _append(self, line: bytes) -> None:
        """Append a whole line or nothing of it."""
        begin = self._file.seek(0, os.SEEK_END)
        written = 0
        try:
            written = self._file.write(line + b"\n")
        finally:
            if written != len(line) + 1:
                self._file.truncate(begin)
        if written != len(line) + 1:  # a file without a buffer may take a part only
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _turn_over(self) -> None:
        if self._path.exists():  # else the last turn got no further
            for number in range(_KEPT - 1, 0, -1):
                older = self._path.with_name(f"{_NAME}.{number}")
                if older.exists():
                    older.replace(self._path.with_name(f"{_NAME}.{number + 1}"))
            self._path.replace(self._path.with_name(f"{_NAME}.1"))
        fresh = self._path.open("ab", buffering=0)
        self._file.close()
        self._file = fresh


def _words(line: bytes) -> dict[str, object] | None:
    try:
        words = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return words if isinstance(words, dict) else None


def _spoken(words: dict[str, object]) -> str:
    more = "; ".join(
        f"{name.removeprefix('miharu.')} {value}"
        for name, value in words.items()
        if name.startswith("miharu.") or name == "error.message"
    )
    message = str(words.get("message"))
    return f"{message} ({more})" if more else message
