"""What a part has to say → one line of ECS JSON on stderr, which the supervisor gathers into the log of the whole.

The line is what the log source `miharu.log` reads, so that miharu can watch itself. Our own words go through
structlog; what libraries say through `logging` comes out in the same form.
"""

from __future__ import annotations

import logging
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson
import structlog
from structlog.typing import EventDict, WrappedLogger

_OWN: Final = {"event": "message", "action": "event.action", "error": "error.message"}
_MINUTE: Final = 60.0
_OFTEN: Final = 5
_KINDS: Final = 1_000
_LEVELS: Final = {"warn": "warning", "exception": "error"}


class EcsLine:
    """A structlog processor: event dictionary → line."""

    def __init__(self, part: str) -> None:
        self._fixed = {"event.dataset": "miharu.log", "process.name": part, "process.pid": os.getpid()}

    def __call__(self, _logger: WrappedLogger, method: str, words: EventDict) -> str:
        """Return the line of one message."""
        error = words.pop("exc_info", None)
        given = {_OWN.get(name, name if "." in name else f"miharu.{name}"): value for name, value in words.items()}
        if error:
            given["error.stack_trace"] = "".join(traceback.format_exception(*_triple(error)))
        return self.line(_LEVELS.get(method, method), given)

    def line(self, level: str, words: Mapping[str, Any]) -> str:
        """Return a line with these dotted fields."""
        stamp = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        whole = {"@timestamp": stamp, "log.level": level, **self._fixed, **words}
        try:
            return orjson.dumps(whole, default=str).decode()
        except TypeError:  # names of files need not be UTF-8, and numbers can be longer than JSON's
            return orjson.dumps({_plain(name): _plain(value) for name, value in whole.items()}).decode()


def configure_logs(part: str, *, verbose: bool = False) -> None:
    """Make this process speak as `part` on stderr."""
    line = EcsLine(part)
    level = logging.DEBUG if verbose else logging.INFO
    structlog.configure(
        processors=[line],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(line))
    handler.addFilter(_Seldom())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)


class _Formatter(logging.Formatter):
    """Lines of libraries in our form."""

    def __init__(self, line: EcsLine) -> None:
        super().__init__()
        self._line = line

    def format(self, record: logging.LogRecord) -> str:
        words: dict[str, Any] = {"message": record.getMessage(), "log.logger": record.name}
        if record.exc_info:
            words["error.stack_trace"] = self.formatException(record.exc_info)
        return self._line.line(record.levelname.lower(), words)


def _plain(value: object) -> str:
    return str(value).encode("utf-8", "backslashreplace").decode()


class _Seldom(logging.Filter):
    """Lets the same words of a library pass a few times a minute: whoever can make it speak could flood the log."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._heard: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        now, key = self._clock(), (record.name, str(record.msg))
        since, times = self._heard.get(key, (now, 0))
        if now - since >= _MINUTE:
            if times > _OFTEN:
                record.msg, record.args = f"{record.getMessage()} (and {times - _OFTEN} times more before)", ()
            since, times = now, 0
        if key not in self._heard and len(self._heard) >= _KINDS:
            self._heard.clear()
        self._heard[key] = since, times + 1
        return times < _OFTEN


def _triple(error: Any) -> Any:
    if isinstance(error, BaseException):
        return type(error), error, error.__traceback__
    return error if isinstance(error, tuple) else sys.exc_info()
