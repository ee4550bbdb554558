"""What a part has to say → one line of ECS JSON on stderr, which the supervisor gathers into the log of the whole.

The line is what the log source `miharu.log` reads, so that miharu can watch itself. Our own words go through
structlog; what libraries say through `logging` comes out in the same form.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson
import structlog
from structlog.typing import EventDict, WrappedLogger

_OWN: Final = {"event": "message", "action": "event.action", "error": "error.message"}
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


def _triple(error: Any) -> Any:
    if isinstance(error, BaseException):
        return type(error), error, error.__traceback__
    return error if isinstance(error, tuple) else sys.exc_info()
